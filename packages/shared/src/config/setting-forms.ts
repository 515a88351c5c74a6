import { z } from 'zod'
import type { Setting } from './setting/setting.ts'
import { digits } from './setting/values.ts'

/** The forms of a setting's values, as its schema has them. */
export type Forms = {
  /** What is taken as such: `on`, `off`, `auto`. */
  readonly words: readonly string[]
  /** Undefined where it takes no numbers. */
  readonly numbers: { readonly least: number; readonly most: number } | undefined
  /** The texts beside words and numbers: a regular expression for each kind, or undefined where any may do. */
  readonly texts: readonly (string | undefined)[]
}

export function formsOf(setting: Setting<unknown>): Forms {
  const leaves = leavesOf(z.toJSONSchema(setting.schema, { io: 'input' }))
  const others = leaves.filter((leaf) => leaf.const === undefined && leaf.enum === undefined)
  return {
    words: leaves.flatMap((leaf) => leaf.enum ?? leaf.const ?? []) as string[],
    numbers: others.some(isOfDigits) ? boundsOf(setting) : undefined,
    texts: others.filter((leaf) => !isOfDigits(leaf)).map(({ pattern }) => pattern),
  }
}

type JsonSchema = z.core.JSONSchema.JSONSchema

function leavesOf(schema: JsonSchema): JsonSchema[] {
  return schema.anyOf ? schema.anyOf.flatMap(leavesOf) : [schema]
}

function isOfDigits({ pattern }: JsonSchema): boolean {
  return pattern === digits.source
}

/** What comes out of `wholeNumber` is a number between two others. */
function boundsOf(setting: Setting<unknown>): { least: number; most: number } {
  const leaves = leavesOf(z.toJSONSchema(setting.schema, { io: 'output', unrepresentable: 'any' }))
  const { minimum = 0, maximum = Infinity } = leaves.find(({ type }) => type === 'number') ?? {}
  return { least: minimum, most: maximum }
}
