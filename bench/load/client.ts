import type { GitRequest } from './git-request.ts'

/** A client of one contestant, which sends one request after the other. */
export type Client = Disposable & {
  /** @throws if the reply is not whole or not right */
  ask(request: GitRequest): Promise<void>
}
