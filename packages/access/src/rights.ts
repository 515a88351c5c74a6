/** What somebody may do with a repository. `write` means to push, and to read as well. */
export type Rights = 'none' | 'read' | 'write'

export type RepositoryRights = {
  readonly rights: Rights
  /** Whether a push may create the repository, if the host's configuration lets pushes create repositories at all. */
  readonly mayCreate: boolean
}
