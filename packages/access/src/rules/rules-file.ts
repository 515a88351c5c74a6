import { parseDocument } from 'yaml'
import { z } from 'zod'
import { fitsPattern } from '@sluice/shared/git/name-pattern'
import { plainName } from '@sluice/shared/git/repository-name'
import { isUserName } from '@sluice/shared/host-protocol/user-name'
import type { RepositoryRights } from '../rights.ts'

/** Whom a rule is about: a user's name, `@group`, `users` (everybody who has logged in) or `anyone`. */
const who = z.string().refine(isUserName, 'this is not the name of a user or a group')
const someOf = z.union([who.transform((one) => [one]), z.array(who).max(10_000)]).default([])
const patterns = z.string().min(1).max(1024)

const fileForm = z.strictObject({
  groups: z.record(z.string(), z.array(who).max(10_000)).default({}),
  rules: z
    .array(
      z.strictObject({
        repositories: z.union([patterns.transform((one) => [one]), z.array(patterns).min(1).max(1000)]),
        read: someOf,
        write: someOf,
        create: someOf,
      }),
    )
    .max(10_000),
})

/**
 * What a user may do with a repository. An undefined user has not logged in. The repository may be addressed in any
 * way: rules are about its plain name.
 */
export type Rules = (repository: string, user: string | undefined) => RepositoryRights

/**
 * Reads a rules file (YAML, or JSON). The first rule with a pattern that fits the repository's name decides: a user who
 * is not in it may do nothing there. If no rule fits, nobody may do anything.
 *
 * @throws {Error} in words
 */
export function readRulesFile(text: string, path: string): Rules {
  const { groups, rules } = parse(text, path)
  const members = (list: readonly string[]) => readMembers(list, groups, path)
  const rows = rules.map(({ repositories, read, write, create }) => ({
    fits: repositories.map(fitsPattern),
    read: members(read),
    write: members(write),
    create: members(create),
  }))
  return (repository, user) => {
    const name = plainName(repository)
    const rule = rows.find(({ fits }) => fits.some((fitsOne) => fitsOne(name)))
    const mayWrite = rule?.write(user) ?? false
    const mayRead = mayWrite || (rule?.read(user) ?? false)
    return { rights: mayWrite ? 'write' : mayRead ? 'read' : 'none', mayCreate: mayWrite && rule!.create(user) }
  }
}

function parse(text: string, path: string) {
  // Aliases could make a short file a huge one.
  const document = parseDocument(text, { maxAliasCount: 0, strict: true, uniqueKeys: true } as object)
  const problem = document.errors[0]
  if (problem) throw new Error(`${path} is not valid YAML: ${problem.message.split('\n')[0]}`)
  const parsed = fileForm.safeParse(document.toJS({ maxAliasCount: 0 }))
  if (parsed.success) return parsed.data
  const { path: place, message } = parsed.error.issues[0]!
  throw new Error(`${path}: ${place.length > 0 ? `${place.join('.')}: ` : ''}${message}`)
}

function readMembers(
  list: readonly string[],
  groups: Readonly<Record<string, readonly string[]>>,
  path: string,
): (user: string | undefined) => boolean {
  const names = list.flatMap((one) => {
    if (!one.startsWith('@')) return [one]
    const group = Object.hasOwn(groups, one.slice(1)) ? groups[one.slice(1)] : undefined
    if (!group) throw new Error(`${path}: there is no group of the name ${JSON.stringify(one.slice(1))}`)
    return group
  })
  const users = new Set(names)
  const hasAnyone = users.has('anyone')
  const hasUsers = users.has('users')
  return (user) => hasAnyone || (user !== undefined && (hasUsers || users.has(user)))
}
