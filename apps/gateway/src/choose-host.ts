import type { Dispatcher } from 'undici'

/** A machine that keeps repositories, as the gateway sees it. */
export type GitHost = {
  readonly dispatcher: Dispatcher
  /** The headers by which the host knows this gateway. */
  readonly credentials: Readonly<Record<string, string>>
}

/** The one place that knows which host keeps a repository. */
export type ChooseHost = (repository: string) => GitHost

/** One host for all repositories. */
export function singleHost(host: GitHost): ChooseHost {
  return () => host
}
