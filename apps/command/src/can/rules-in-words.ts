import type { Explanation, RuleForUser } from '@sluice/access/rules/explanation'
import { plainText } from '../output/plain-text.ts'

const mostShown = 5

/** Why the rules say what they say of a user, in sentences. An undefined user has not logged in. */
export function rulesInWords(explanation: Explanation, user: string | undefined, path: string): string[] {
  const { decidedBy, neverReached, groups } = explanation
  const name = user === undefined ? 'anyone' : plainText(user)
  if (!decidedBy) return [`No rule of ${path} fits the name, so nobody may do anything.`]
  return [
    `Line ${decidedBy.line} of ${path} decides: it is the first rule with a pattern that fits (${plainText(decidedBy.pattern)}).`,
    listsInWords(decidedBy, name),
    ...(user === undefined ? [] : [groupsInWords(name, groups)]),
    ...neverReached.slice(0, mostShown).map((rule) => neverReachedInWords(rule, name)),
    ...(neverReached.length > mostShown ? [`${neverReached.length - mostShown} more rules fit and never count.`] : []),
  ]
}

function listsInWords({ read, write, create }: RuleForUser, name: string): string {
  const hasNot = `does not have ${name}`
  if (write !== undefined) {
    return `Its "write" has ${entry(write, name)}; its "create" ${create === undefined ? hasNot : `has ${entry(create, name)}`}.`
  }
  return read === undefined
    ? `Neither its "read" nor its "write" has ${name}.`
    : `Its "read" has ${entry(read, name)}; its "write" ${hasNot}.`
}

/** An entry of a list, and whom it stands for where that is not plain. */
function entry(text: string, name: string): string {
  if (text.startsWith('@')) return `${plainText(text)}, which ${name} is in`
  return text === 'users' ? 'users, which is everybody who has logged in' : plainText(text)
}

function groupsInWords(name: string, groups: readonly string[]): string {
  return groups.length === 0 ? `${name} is in no group.` : `${name} is in ${groups.map(plainText).join(', ')}.`
}

function neverReachedInWords({ line, pattern, rights, mayCreate }: RuleForUser, name: string): string {
  const would = { none: 'do nothing', read: 'read', write: mayCreate ? 'push and create' : 'push' }[rights]
  return `Line ${line} (${plainText(pattern)}) fits, too, but comes later and never counts here; it would let ${name} ${would}.`
}
