/** What somebody may do with a repository. `write` means to push, and to read as well. */
export type Rights = 'none' | 'read' | 'write'

export type RepositoryRights = {
  readonly rights: Rights
  /** Whether a push may create the repository, if the host's configuration lets pushes create repositories at all. */
  readonly mayCreate: boolean
}

/** What both let somebody do: a token never lets its user do more than the user may. */
export function smallerOf(one: RepositoryRights, other: RepositoryRights): RepositoryRights {
  const rights = order[Math.min(order.indexOf(one.rights), order.indexOf(other.rights))]!
  return { rights, mayCreate: one.mayCreate && other.mayCreate }
}

const order: readonly Rights[] = ['none', 'read', 'write']
