import type { UserTraces } from '../access/user-traces.ts'
import { plainText } from '../output/plain-text.ts'

const mostGroups = 10

/** Sentences on where a user's name stands. `when` says how to read it: rules can name users whom there is not. */
export function tracesInWords(
  user: string,
  { groups, rules, ruleCount, tokens }: UserTraces,
  when: 'already' | 'still',
): readonly string[] {
  const places = [
    ...groups.slice(0, mostGroups).map(({ name, line }) => `  line ${line}: the group ${plainText(name)}`),
    ...rules.map(({ line, repositories }) => `  line ${line}: the rule for ${repositories.map(plainText).join(', ')}`),
  ]
  const more = groups.length + ruleCount - places.length
  return [
    ...(places.length > 0 ? [`These lines of the rules ${when} have ${user}:`, ...places] : []),
    ...(more > 0 ? [`  and ${more} more`] : []),
    ...(tokens.length > 0
      ? [`These tokens of ${user} are valid again: ${tokens.join(', ')}. "sluice token revoke" ends them.`]
      : []),
  ]
}
