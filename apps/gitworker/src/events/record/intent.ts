/** A reference that a push may change. */
export type IntendedRef = {
  /** One character for each byte. */
  readonly ref: string
  /** Ids in small letters, zeros for none. */
  readonly old: string
  readonly new: string
}

type Intended = {
  readonly id: string
  /** ISO 8601. */
  readonly time: string
  /** A plain name. */
  readonly repository: string
  readonly user?: string | undefined
  readonly requestId: string
}

/** What a push wants, written down before git may do it. */
export type PushIntent = Intended & {
  readonly kind: 'push'
  /** The repository's folder, relative to the root. */
  readonly folder: string
  /** Whether nobody has been told yet that the repository exists. */
  readonly creates: boolean
  readonly refs: readonly IntendedRef[]
  /** How many references it names beyond these. */
  readonly more: number
  /** The positions in `refs` of those that have been told, where the intent is written down again. */
  readonly told?: readonly number[]
}

/** What an operator wants. */
export type OperationIntent = Intended & {
  readonly kind: 'create' | 'rename' | 'delete'
  readonly to?: string | undefined
  /** Whether the repository, and that of the new name, were there before. */
  readonly existed: boolean
  readonly toExisted?: boolean | undefined
  /** Of a rename: whether the new name is on another host's disk. The old one goes only when the new one is there. */
  readonly isElsewhere?: boolean | undefined
  /** Whether a push, or another request, may tell the same. */
  readonly mayBeTold?: boolean | undefined
}

export type Intent = PushIntent | OperationIntent
