export type Removal = {
  /** Paths. */
  readonly removed: string[]
  /** Whether something belongs to the dead and could not be removed yet. */
  readonly isPostponed: boolean
}
