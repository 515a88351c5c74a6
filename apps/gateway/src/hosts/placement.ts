import type { ClusterView } from '@sluice/shared/placement/cluster-view'
import type { ToldSlot } from '@sluice/shared/placement/told-slot'
import type { Host } from './host.ts'

/** The one place that knows which host keeps which repository. */
export type Placement = {
  /** Finds the hosts for one request. */
  route(wanted: Wanted): Route
  /** Looks at the hosts. Takes as long as the slowest answer, bounded. */
  reach(): Promise<Reach>
  /** How many requests wait for a host to be there again. */
  readonly waiting: number
  /** Undefined where there is one host only. */
  readonly cluster?: ClusterSight
}

/** What this gateway sees of a cluster. */
export type ClusterSight = {
  /** @param name of this gateway: its address */
  view(name: string): ClusterView
  readonly sees: GatewaySees
}

/** What a gateway measures of its hosts beyond what each member of a cluster does. */
export type GatewaySees = {
  /** Of the newest change of a slot that is known. */
  readonly revision: number
  /** Hosts whose leases are live, and that this gateway does not reach, or whose answers fail. */
  readonly troubled: number
  /** Attempts that brought no answer, and were followed by another one. */
  readonly missed: Readonly<Record<Miss['how'], number>>
}

export type Wanted = {
  /** The repository's plain name (`plainName`), so that `R` and `R.git` get the same host. */
  readonly repository: string
  /** What the request needs the repository for. A push's advertisement counts as `write`. */
  readonly purpose: 'read' | 'write'
  /** Whose request it is (`clientKey`) and the address that it comes from: all steps of one clone can go to one host. */
  readonly client: string
  readonly clientAddress: string
  readonly signal: AbortSignal
}

/**
 * The way of one request to a host. It is asked again for each attempt, since a repository may have moved meanwhile.
 *
 *   ┌─▶ next ──a leg──────────────────────────▶ an attempt ──answered──▶ over
 *   │     │                                       │
 *   │     └─none now─▶ hold ──a leg, in turn──────▶
 *   └──────────────────────────missed─────────────┘
 */
export type Route = {
  /** The host to send the request to now. Undefined: the request is to be held first. */
  next(): Leg | undefined
  /**
   * Waits until there is a host to send the request to, and it is this request's turn.
   *
   * @param withinMs how long it may wait
   * @param bytes how much memory the request holds
   * @throws {Refusal} when that time is over, or at once where waiting is of no use or too many wait
   * @throws the signal's reason
   */
  hold(withinMs: number, bytes: number): Promise<Leg>
  /** To be called when an attempt brought no answer, and another one is to be made. */
  missed(leg: Leg, why: Miss): void
}

/** An attempt's host. Disposing of it gives back the request's turn there; twice is harmless. */
export type Leg = Disposable & {
  readonly host: Host
  /** Of the repository's slot; undefined where there is one host only. */
  readonly term: number | undefined
  /** Whether the same request could go to another host instead. */
  readonly hasOther: boolean
  /** To be called when the host begins to answer. @param reason the one that it gives, where it refuses */
  answered(reason: string | undefined): void
}

/** What became of an attempt that brought no answer. */
export type Miss = {
  /**
   * `not begun`: the host has certainly done nothing. `misplaced`: neither, for it knows of another host.
   * `broke off`: it may have done any part of it. `failed`: it has answered that it cannot.
   */
  readonly how: 'not begun' | 'misplaced' | 'broke off' | 'failed'
  readonly cause?: unknown
  /** With `misplaced`: who serves the repository, as far as the host has heard. */
  readonly told?: ToldSlot | undefined
}

/** How much of what is kept can be served now, or will be before requests that are held give up. */
export type Reach = {
  /** The share of all repositories, from 0 to 1. */
  readonly share: number
  /** Whether this gateway is to be sent requests. */
  readonly isEnough: boolean
  /** In words, what is wrong with hosts that cannot be reached. */
  readonly problem: string | undefined
  /** What else is wrong, by what it is about, without making this gateway unready. */
  readonly notes: Readonly<Record<string, string>>
}
