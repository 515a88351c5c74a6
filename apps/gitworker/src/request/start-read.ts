import type { OutgoingHttpHeaders } from 'node:http'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { GitRequest } from '@sluice/shared/git/git-route'
import type { CacheKey } from '../cache/references/cache-key.ts'
import type { ReferenceCache } from '../cache/references/reference-cache.ts'
import type { ConfigSetting } from '../git/config-file.ts'
import { serviceCommand } from '../git/command.ts'
import type { GitCommand, GitOptions } from '../git/command.ts'
import type { RequestRecord } from '../operations/request-record.ts'
import { forRequest } from '../process/job/job.ts'
import { workerRefusal } from '../process/worker-handle.ts'
import { DownloadReply } from '../reply/download-reply.ts'
import { FetchReply } from '../reply/git-reply.ts'
import type { FilterOffer } from '../repository/filter-offer.ts'
import { checkServiceIsOn } from '../repository/service-switch.ts'
import type { ServiceSwitchServices } from '../repository/service-switch.ts'
import { GitProducer } from './git-producer.ts'
import { noteWorker } from './git-runs.ts'
import type { GitRun, GitRuns } from './git-runs.ts'
import type { SlotClaim, Slots } from './slots.ts'

export type ReadStarterServices = {
  readonly slots: Slots
  readonly gitRuns: GitRuns
  readonly git: GitOptions
  /** What the repositories' own configurations say. */
  readonly settings: ServiceSwitchServices & { readonly filterOffer: FilterOffer }
  /** Undefined where references are not cached. */
  readonly answers: Pick<ReferenceCache, 'prepareEntry' | 'stateOf'> | undefined
  /** Milliseconds from SIGTERM to SIGKILL. */
  readonly killGrace: number
}

/** What is not in git's own protocol. */
export type Download = {
  readonly command: GitCommand
  /** Of the reply. */
  readonly headers: OutgoingHttpHeaders
}

/** What is read of a repository: an advertisement, a list of references, a pack, or an archive. */
export type Read = SlotClaim & {
  readonly request: GitRequest
  readonly gitDir: string
  /** The key of a pack that several requests may share; undefined for everything else. */
  readonly packKey: string | undefined
  /** The key under which git's answer may be cached; undefined where it may not. */
  readonly referenceKey: CacheKey | undefined
  /** Only of an archive. */
  readonly download?: Download
  /** Only of requests that are about bundles: git's settings for them. */
  readonly settings?: readonly ConfigSetting[] | undefined
}

type Client = Pick<Exchange, 'id' | 'clientAddress' | 'user'>

/** Starts git for requests that read. */
export class ReadStarter {
  readonly #services: ReadStarterServices

  constructor(services: ReadStarterServices) {
    this.#services = services
  }

  /**
   * Waits for a slot and a worker, and starts git, for all requests that read the same.
   *
   * @param unwanted is aborted when no request waits for this git any more
   * @param record of the first of these requests
   * @throws {Refusal} where git cannot be started, or the signal's reason
   */
  async start(read: Read, client: Client, unwanted: AbortSignal, record: RequestRecord): Promise<GitProducer> {
    const { slots, answers, settings } = this.#services
    const { request, gitDir, packKey, referenceKey, body } = read
    try {
      await using started = new AsyncDisposableStack()
      started.use(await slots.take(read, unwanted))
      record.phase = 'starting'
      await checkServiceIsOn(settings, gitDir, request, { id: client.id, signal: unwanted })
      // The state is taken before git starts, so that every later change of the repository makes a difference to it.
      const state = packKey === undefined ? undefined : answers?.stateOf(gitDir, stateScope(read))
      const entry = referenceKey && answers?.prepareEntry(referenceKey)
      const { worker } = started.use(await this.#run(read, client, unwanted))
      noteWorker(worker, record)
      const input = body ? body.feed(worker.stdin) : Promise.resolve(void worker.stdin.end())
      const reply = read.download ? new DownloadReply() : new FetchReply()
      return new GitProducer({ ...read, worker, held: started.move(), state }, input, entry, reply)
    } catch (error) {
      throw workerRefusal(error) ?? error
    }
  }

  async #run(read: Read, client: Client, signal: AbortSignal): Promise<GitRun> {
    const { gitRuns, killGrace } = this.#services
    const { request, gitDir } = read
    const command = read.download?.command ?? (await this.#serviceCommand(read, client, signal))
    const graces = { term: 0, kill: killGrace, drain: false }
    return await gitRuns.start({ requestId: client.id, request, gitDir, command, graces, signal })
  }

  async #serviceCommand(
    { request, gitDir, packKey, settings: overrides }: Read,
    { id, clientAddress, user }: Client,
    signal: AbortSignal,
  ): Promise<GitCommand> {
    const { git, settings } = this.#services
    const filters = await settings.filterOffer.isMade(gitDir, request, forRequest({ id, signal }, settings.runJob))
    // A shared pack belongs to no single user.
    const client = { user: packKey === undefined ? user : undefined, address: clientAddress }
    return serviceCommand(git, request, gitDir, client, undefined, filters, overrides)
  }
}

/** Which state of its repository a shared output depends on: an archive may name references (`export-subst`). */
export function stateScope({ download }: Read): 'refs' | 'pack' {
  return download ? 'refs' : 'pack'
}
