import type { Host } from './host.ts'

/**
 * The one place that knows which host keeps which repository. It is asked again for each attempt at a request, since a
 * repository may have moved meanwhile.
 */
export type Placement = {
  /**
   * @returns the host to send this request to; it need not be there at the moment
   * @throws the signal's reason
   */
  hostFor(wanted: Wanted): Promise<Host>
  /** Looks at the hosts. Takes as long as the slowest answer, bounded. */
  reach(): Promise<Reach>
  /** How many requests wait for a host to be there again. */
  readonly waiting: number
}

export type Wanted = {
  /** The repository's plain name (`plainName`), so that `R` and `R.git` get the same host. */
  readonly repository: string
  /** What the request needs the repository for. A push's advertisement counts as `write`. */
  readonly purpose: 'read' | 'write'
  /** Whose request it is (`clientKey`): all steps of one clone can go to one host. */
  readonly client: string
  readonly signal: AbortSignal
}

/** How much of what is kept can be served now, or will be before requests that are held give up. */
export type Reach = {
  /** The share of all repositories, from 0 to 1. */
  readonly share: number
  /** In words, what is wrong with a host that cannot be reached. */
  readonly problem: string | undefined
}
