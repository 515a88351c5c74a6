import type { Dispatcher } from 'undici'
import type { HostPresence } from './host-presence.ts'

/** A machine that keeps repositories, as the gateway sees it. */
export type GitHost = {
  readonly dispatcher: Dispatcher
  /** Has a new connection for each request: one that was kept may have been lost since, which only using it shows. */
  readonly singleUse: Dispatcher
  /** The headers by which the host knows this gateway. */
  readonly credentials: Readonly<Record<string, string>>
  readonly presence: HostPresence
}

/** The one place that knows which host keeps a repository. */
export type ChooseHost = (repository: string) => GitHost

/** One host for all repositories. */
export function singleHost(host: GitHost): ChooseHost {
  return () => host
}
