import type { IncomingMessage } from 'node:http'
import type { LoginCredentials } from './credentials.ts'

/** What somebody may do with a repository: `write` is to push, and to read. */
export type Rights = 'none' | 'read' | 'write'

/** What a request is allowed. */
export type Grant = {
  /** Who asks; undefined where nobody has said. */
  readonly user: string | undefined
  readonly rights: Rights
  /** Whether a push may create the repository, where the host's configuration lets pushes create any. */
  readonly mayCreate: boolean
}

/** What a request is about. */
export type About = {
  /** Without `.git`, however it was addressed: the name that rules are about. */
  readonly repository: string
  /** The right that the request needs. */
  readonly needs: 'read' | 'write'
  /** The client's address, or `local`. */
  readonly address: string
  /** What the address counts as, for fairness: itself, or its network. */
  readonly client: string
  /** What the client asked, as its connection and headers have it. */
  readonly incoming: IncomingMessage
  /** The path and query of the same, encoded anew. */
  readonly target: string
  readonly requestId: string
  readonly signal: AbortSignal
}

/** Who knows users and rights: one of the modes of `SLUICE_ACCESS`. */
export type Authority = AsyncDisposable & {
  /** False: nobody is asked who they are, and what they say of it is not read. */
  readonly asksForLogin: boolean
  /** Why nobody can be let in at the moment, in words, where that is so. */
  readonly problem?: string | undefined
  /**
   * Whether these may be looked at before anybody waits: they were right before, or are of a kind that nobody can guess and
   * that costs next to nothing to check. Takes no time.
   */
  isTrusted(credentials: LoginCredentials): boolean
  /**
   * @param credentials undefined: what may anyone do?
   * @throws {Refusal} `login_failed` where they are not right; `login_busy`, `login_unavailable` where nobody can tell
   */
  decide(credentials: LoginCredentials | undefined, about: About): Promise<Grant>
}
