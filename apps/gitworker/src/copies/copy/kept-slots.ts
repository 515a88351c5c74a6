import type { KeptAnswer, KeptAsked } from '../link/kept.ts'
import type { SlotNames } from '../slot-names.ts'
import type { SlotView } from '../slot-view.ts'
import { checkClaim, newerTermMs } from './term/current-term.ts'
import type { Terms } from './term/terms.ts'

export type KeptSlotsServices = { readonly view: SlotView; readonly terms: Terms; readonly names: SlotNames }

/** Names in a message. */
const mostNamed = 5

/**
 * Says to a primary what this copy has of some slots, and remembers its terms.
 *
 * What the primary does not have goes to the trash here. So a slot that this host has never kept must be empty: what it has
 * of it is nobody's copy, and was put there by somebody who may have nothing else.
 *
 * @throws {IncompleteWalkError} where it cannot be known, {Error} where terms cannot be remembered
 */
export async function keptSlots(
  { view, terms, names }: KeptSlotsServices,
  { primary, slots }: KeptAsked,
): Promise<readonly KeptAnswer[]> {
  await untilListed(view, slots)
  const failed = new Map<number, string>()
  for (const [slot, term] of slots) {
    try {
      await checkClaim(view, terms, { slot, term, primary }, 0)
    } catch (error) {
      failed.set(slot, error instanceof Error ? error.message : String(error))
    }
  }
  const named = await names.read()
  const answers = slots.map(([slot]): KeptAnswer => {
    const repositories = [...(named.get(slot) ?? [])]
    const why = failed.get(slot) ?? (terms.of(slot) === 0 ? foreignIn(repositories) : undefined)
    return why === undefined ? { slot, repositories } : { slot, failed: why }
  })
  const taken = new Set(answers.filter((answer) => 'repositories' in answer).map(({ slot }) => slot))
  await terms.seeAll(new Map(slots.filter(([slot]) => taken.has(slot))))
  return answers
}

/** Waits a moment where the primary has heard before this host that it is to be a copy. */
async function untilListed(view: SlotView, slots: KeptAsked['slots']): Promise<void> {
  const until = performance.now() + newerTermMs
  for (const [slot, term] of slots) {
    for (let left = until - performance.now(); left > 0; left = until - performance.now()) {
      const record = view.slot(slot)
      if (record && (record.term > term || (record.term === term && record.copies.includes(view.name)))) break
      await view.changed(slot, left)
    }
  }
}

function foreignIn(repositories: readonly string[]): string | undefined {
  if (repositories.length === 0) return undefined
  const some = repositories.slice(0, mostNamed).map((name) => JSON.stringify(name))
  const more = repositories.length > mostNamed ? ` and ${repositories.length - mostNamed} more` : ''
  return `This host has never kept the slot, and yet it has ${some.join(', ')}${more}. Move them out of its SLUICE_ROOT.`
}
