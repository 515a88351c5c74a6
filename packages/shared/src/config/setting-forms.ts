import { z } from 'zod'
import type { Setting } from './settings/setting.ts'

/** The forms of a setting's values, as its schema has them. */
export type Forms = {
  /** What is taken as such: `on`, `off`, `auto`. */
  readonly words: readonly string[]
  readonly takesNumbers: boolean
  /** Whether there are texts beside words and numbers, such as paths and sizes. */
  readonly takesTexts: boolean
}

export function formsOf(setting: Setting<unknown>): Forms {
  const leaves = leavesOf(z.toJSONSchema(setting.schema, { io: 'input' }))
  const others = leaves.filter((leaf) => leaf.const === undefined && leaf.enum === undefined)
  return {
    words: leaves.flatMap((leaf) => leaf.enum ?? leaf.const ?? []) as string[],
    takesNumbers: others.some(isOfDigits),
    takesTexts: others.some((leaf) => !isOfDigits(leaf)),
  }
}

type JsonSchema = z.core.JSONSchema.JSONSchema

function leavesOf(schema: JsonSchema): JsonSchema[] {
  return schema.anyOf ? schema.anyOf.flatMap(leavesOf) : [schema]
}

/** As `wholeNumber` makes it. */
function isOfDigits({ pattern }: JsonSchema): boolean {
  return pattern?.startsWith('^\\d') ?? false
}
