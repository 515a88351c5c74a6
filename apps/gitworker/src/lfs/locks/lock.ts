/** A file that one user keeps to themselves until it is unlocked. */
export type Lock = {
  /** Of this repository, in the order in which they were made. No number is used twice. */
  readonly id: number
  /** From the top of the work tree, with slashes. */
  readonly path: string
  /** The user's name. */
  readonly owner: string
  /** ISO 8601, of the second. */
  readonly lockedAt: string
}

/** As the locking API shows it: docs/api/locking.md of git-lfs. */
export type ShownLock = {
  readonly id: string
  readonly path: string
  readonly locked_at: string
  readonly owner: { readonly name: string }
}

export function shownLock({ id, path, owner, lockedAt }: Lock): ShownLock {
  return { id: String(id), path, locked_at: lockedAt, owner: { name: owner } }
}

/** What a client calls a lock. @returns undefined for what can be the name of none */
export function lockIdOf(text: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined
}
