/** Whom one list of a rule names. An undefined user has not logged in. */
export type Named = {
  has(user: string | undefined): boolean
  /** The entry of the list, as it is written, that names this user: `ann`, `@backend`, `users` or `anyone`. */
  entryFor(user: string | undefined): string | undefined
  /** The entries, as they are written. */
  readonly entries: ReadonlySet<string>
}

export type Group = { readonly line: number; readonly members: ReadonlySet<string> }

/** In rules, these stand for more than one user, so no user can have them as a name. */
export const reservedNames: readonly string[] = ['anyone', 'users']

/**
 * Groups are shared by all lists that have them: many rules for a large group cost no more than one.
 *
 * @throws {Error} where the list names a group that there is not
 */
export function namedIn(list: readonly string[], groups: ReadonlyMap<string, Group>, path: string): Named {
  const entries = new Set(list)
  const groupEntries = [...entries].filter((entry) => entry.startsWith('@'))
  const memberSets = groupEntries.map((entry) => {
    const group = groups.get(entry.slice(1))
    if (!group) throw new Error(`${path}: there is no group of the name ${JSON.stringify(entry.slice(1))}`)
    return group.members
  })
  const isNamed = (name: string) => entries.has(name) || memberSets.some((members) => members.has(name))
  const hasAnyone = isNamed('anyone')
  const hasUsers = isNamed('users')
  const standsFor = (name: string) => {
    if (entries.has(name)) return name
    return groupEntries[memberSets.findIndex((members) => members.has(name))]
  }
  return {
    entries,
    has: (user) => hasAnyone || (user !== undefined && (hasUsers || isNamed(user))),
    entryFor: (user) =>
      (user === undefined ? undefined : (standsFor(user) ?? standsFor('users'))) ?? standsFor('anyone'),
  }
}
