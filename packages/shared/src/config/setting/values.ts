import { z } from 'zod'
import { parseAddress } from '../../network/address.ts'

/** The forms that the values of settings have. Each is a schema from the text of a variable to a value. */

/** `off` is undefined. */
export function orOff<T>(schema: z.ZodType<T, string>) {
  return z.union([z.literal('off').transform(() => undefined), schema])
}

/** `auto` stays `auto`. */
export function orAuto<T>(schema: z.ZodType<T, string>) {
  return z.union([z.literal('auto'), schema])
}

export function text(): z.ZodType<string, string> {
  return z.string().min(1)
}

/** @param options `anyPort`: whether port 0 may stand for any that is free */
export function address(options: { readonly anyPort: boolean }) {
  return checked((value) => {
    const parsed = parseAddress(value)
    return parsed?.kind === 'tcp' && parsed.port === 0 && !options.anyPort ? undefined : parsed
  })
}

/** A unix socket. TCP has no file rights. */
export function unixAddress() {
  return checked((value) => {
    const parsed = parseAddress(value)
    return parsed?.kind === 'unix' ? parsed : undefined
  })
}

export function httpAddress() {
  return checked((value) => (/^https?:\/\//.test(value) && URL.canParse(value) ? value : undefined))
}

export function toggle() {
  return z.enum(['on', 'off']).transform((value) => value === 'on')
}

/** The form of a whole number. */
export const digits = /^\d{1,9}$/

export function wholeNumber(least: number, most: number) {
  return z.string().regex(digits).transform(Number).pipe(z.number().min(least).max(most))
}

/** As a fraction: 0.75 for 75%. */
export function percentage() {
  return checked((value) => {
    const percent = Number(/^(\d{1,3})%$/.exec(value)?.[1] ?? NaN)
    return percent >= 1 && percent <= 100 ? percent / 100 : undefined
  })
}

const durationForm = /^(\d{1,9})(ms|s|m|h)$/
const milliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** A span of time, in milliseconds. It is bounded by what a timer can hold: 24 days. */
export function duration(least = 1) {
  return checked((value) => {
    const result = readDuration(value)
    return result >= least && result < 2 ** 31 ? result : undefined
  }).meta({ pattern: durationForm.source })
}

/** A span of whole seconds, in milliseconds, from one bound to another. */
export function wholeSeconds(least: number, most: number) {
  return checked((value) => {
    const result = readDuration(value)
    return result >= least && result <= most && result % 1000 === 0 ? result : undefined
  }).meta({ pattern: durationForm.source })
}

/** NaN for what is none. */
function readDuration(value: string): number {
  const [, count, unit = ''] = durationForm.exec(value) ?? []
  return Number(count) * (milliseconds[unit] ?? NaN)
}

const longDurationForm = /^(\d{1,9})(s|m|h|d)$/
const longTimes: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A span of time that may be longer than a timer can hold, in milliseconds. It is bounded by 100 years. */
export function longDuration(least = 1) {
  return checked((value) => {
    const [, count, unit = ''] = longDurationForm.exec(value) ?? []
    const result = Number(count) * (longTimes[unit] ?? NaN)
    return result >= least && result <= 36_525 * 86_400_000 ? result : undefined
  }).meta({ pattern: longDurationForm.source })
}

/** An amount of data, in bytes. */
export function size(least = 1) {
  return checked((value) => {
    const result = parseSize(value)
    return result !== undefined && result >= least ? result : undefined
  }).meta({ pattern: sizeForm.source })
}

const sizeForm = /^(\d{1,9})(B|KiB|MiB|GiB)$/
const bytes: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }

/** Reads `512KiB`; undefined for what is not valid. */
export function parseSize(value: string): number | undefined {
  const [, count, unit = ''] = sizeForm.exec(value) ?? []
  const result = Number(count) * (bytes[unit] ?? NaN)
  return result >= 1 ? result : undefined
}

/** What is wrong with a value, in words, where more can be said than what the setting takes. */
type Problem = { readonly problem: string }

/** @param parse gives undefined, or a `problem`, for what is not valid */
export function checked<T>(parse: (value: string) => T | Problem | undefined) {
  return z.string().transform((value, context) => {
    const parsed = parse(value)
    if (parsed !== undefined && !isProblem(parsed)) return parsed as Exclude<T, Problem | undefined>
    const why = isProblem(parsed) ? { message: parsed.problem, params: { tellsWhy: true } } : { message: 'invalid' }
    context.issues.push({ code: 'custom', input: value, ...why })
    return z.NEVER
  })
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'problem' in value
}
