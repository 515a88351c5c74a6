import type { SlotWrite } from '@sluice/shared/placement/slot-record'

export type StepKind = 'assign' | 'take over' | 'hand over' | 'take back' | 'change copies'

/** One change of one slot. It is done only if nothing that it was decided from has changed. */
export type Step = {
  readonly kind: StepKind
  readonly slot: number
  /** The primary before. */
  readonly from: string | undefined
  /** The host that becomes primary, or is to become it, or is no longer to become it. */
  readonly to: string | undefined
  /** The revision that the slot's key must have. 0: it must not exist. */
  readonly expected: number
  readonly write: SlotWrite
  /** The host whose key must still be absent: one that is back at work must not lose a slot by surprise. */
  readonly gone?: string
}
