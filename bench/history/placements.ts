export type Placed = { readonly slot: number; readonly revision: number; readonly primary: string | undefined }

/** Who was primary of slots, as etcd has said, from which revision on. */
export class Placements {
  readonly #placed = new Map<string, Placed>()

  add(placed: Placed): void {
    this.#placed.set(keyOf(placed), placed)
  }

  /** As far as anybody has seen it. */
  at(at: Pick<Placed, 'slot' | 'revision'>): Placed | undefined {
    return this.#placed.get(keyOf(at))
  }

  /** By slot, in the order of their revisions. */
  get bySlot(): Map<number, readonly Placed[]> {
    const inOrder = [...this.#placed.values()].toSorted((one, other) => one.revision - other.revision)
    return Map.groupBy(inOrder, ({ slot }) => slot)
  }

  /** How often the primary has changed. */
  get changes(): number {
    let changes = 0
    for (const placed of this.bySlot.values()) {
      changes += placed.filter(({ primary }, at) => at > 0 && primary !== placed[at - 1]!.primary).length
    }
    return changes
  }
}

function keyOf({ slot, revision }: Pick<Placed, 'slot' | 'revision'>): string {
  return `${slot} ${revision}`
}
