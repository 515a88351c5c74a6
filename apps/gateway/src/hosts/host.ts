import type { Dispatcher } from 'undici'
import type { HostPresence } from './host-presence.ts'

/** A machine that keeps repositories, as the gateway sees it. */
export type Host = {
  readonly link: HostLink
  readonly presence: HostPresence
  /** Aborted when it is not a host of the cluster any more; undefined where there is one host only. */
  readonly gone?: AbortSignal
}

/** The way to a host. */
export type HostLink = {
  readonly dispatcher: Dispatcher
  /** Opens a connection for each request: a kept one may have been lost, and only using it would show that. */
  readonly singleUse: Dispatcher
  /** The secret by which the host knows this gateway; undefined where none is set. */
  readonly secret: string | undefined
}
