/*
 * What `git config --null --get-regexp` writes: each setting ends with a NUL. A line feed separates its name from its
 * value; without one, it has no value.
 */

/** Git's canonical names, each with its last value, or null for a name without a value. */
export type ConfigValues = ReadonlyMap<string, string | null>

export function valuesIn(output: string): ConfigValues {
  const settings = output.split('\0').slice(0, -1)
  return new Map(
    settings.map((setting) => {
      const end = setting.indexOf('\n')
      return end === -1 ? [setting, null] : [setting.slice(0, end), setting.slice(end + 1)]
    }),
  )
}

/**
 * Reads a value as git does where it expects true or false (git_parse_maybe_bool in parse.c).
 *
 * @param value null for a name without a value, which is true
 * @returns undefined for what is neither
 */
export function truthOf(value: string | null): boolean | undefined {
  if (value === null || /^(?:true|yes|on)$/i.test(value)) return true
  if (/^(?:false|no|off|)$/i.test(value)) return false
  const number = parseInteger(value)
  return number === undefined ? undefined : number !== 0
}

/** Parses a number as git does: git_parse_signed() in parse.c, which takes hexadecimal and octal numbers too. */
export function parseInteger(text: string): number | undefined {
  const [, sign, digits = '', unit = ''] = /^\s*([+-]?)(0x[\da-f]+|0[0-7]*|[1-9]\d*)([kmg]?)$/i.exec(text) ?? []
  if (digits === '') return undefined
  const radix = /^0x/i.test(digits) ? 16 : digits.startsWith('0') ? 8 : 10
  const factor = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }[unit.toLowerCase()] ?? 1
  return Number.parseInt(digits, radix) * factor * (sign === '-' ? -1 : 1)
}
