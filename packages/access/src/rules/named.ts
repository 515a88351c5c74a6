export type Group = { readonly line: number; readonly members: ReadonlySet<string> }

/** Whom one list of a rule names. An undefined user has not logged in. */
export type Named = {
  has(user: string | undefined): boolean
  /** The names that stand here, and those of the groups that do. Some may be `users` or `anyone`. */
  readonly names: ReadonlySet<string>
  /** The entry of the list, as it is written, that names this user: `ann`, `@backend`, `users` or `anyone`. */
  entryFor(user: string | undefined): string | undefined
}

/** In rules, these stand for more than one user, so no user can have them as a name. */
export const reservedNames: readonly string[] = ['anyone', 'users']

/** @throws {Error} where the list names a group that there is not */
export function namedIn(list: readonly string[], groups: ReadonlyMap<string, Group>, path: string): Named {
  const membersOf = (entry: string): ReadonlySet<string> => {
    if (!entry.startsWith('@')) return new Set([entry])
    const group = groups.get(entry.slice(1))
    if (!group) throw new Error(`${path}: there is no group of the name ${JSON.stringify(entry.slice(1))}`)
    return group.members
  }
  const names = new Set(list.flatMap((entry) => [...membersOf(entry)]))
  const hasAnyone = names.has('anyone')
  const hasUsers = names.has('users')
  const has = (user: string | undefined) => hasAnyone || (user !== undefined && (hasUsers || names.has(user)))
  return {
    has,
    names,
    entryFor(user) {
      if (!has(user)) return undefined
      return list.find((entry) => {
        const members = membersOf(entry)
        return members.has('anyone') || (user !== undefined && (members.has('users') || members.has(user)))
      })
    },
  }
}
