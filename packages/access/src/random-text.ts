import { randomBytes, randomInt } from 'node:crypto'

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Random letters and digits of ASCII: just under six bits each. */
export function randomText(length: number): string {
  return Array.from({ length }, () => digits[randomInt(digits.length)]).join('')
}

/** Random small letters and digits, for names that people read and type: just over five bits each. */
export function randomId(length: number): string {
  return Array.from({ length }, () => digits[randomInt(36)]!.toLowerCase()).join('')
}

/** 256 random bits, in 43 letters and digits. */
export function randomSecret(): string {
  return toBase62(BigInt(`0x${randomBytes(32).toString('hex')}`), 43)
}

/** A number that is not negative, to the base of 62, with zeros in front. */
export function toBase62(value: bigint, length: number): string {
  let text = ''
  for (let rest = value; rest > 0n; rest /= 62n) text = digits[Number(rest % 62n)]! + text
  return text.padStart(length, '0')
}
