import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { PackReader } from '../cache/packs/stream/pack-reader.ts'
import { isWholeClone } from '../bundles/bundles.ts'
import { packKeyOf } from '../cache/packs/pack-key.ts'
import type { RequestBody } from '../body/request-body.ts'
import { laneOf } from '../capacity/admission.ts'
import { refuse } from '../operations/request-record.ts'
import type { RequestRecord } from '../operations/request-record.ts'
import { noteVerdict } from '../reply/git-reply.ts'
import { beginDownload, beginReply } from '../reply/relay.ts'
import { tellReason } from '../reply/reply-trailer.ts'
import type { GitCall } from './git-call.ts'
import { GitProducer } from './git-producer.ts'
import type { Readers } from './readers.ts'
import type { Read } from './start-read.ts'

export type FetchServices = {
  readonly readers: Readers
  /** Whether several clients may read one pack. */
  readonly sharesPacks: boolean
  /** What git's answers depend on beside the repository: its version, and how it is started. */
  readonly build: string
  /** Undefined where clones are not counted. */
  readonly onClone: ((gitDir: string) => void) | undefined
}

/**
 * Serves fetches. Each client reads at its own pace. git runs ahead of a slow client and gives its slot back as soon as
 * it is done. Clients that ask for the same pack share one git, which has a slot of its own and is ended when the last
 * of them has left.
 */
export class Fetches {
  readonly #services: FetchServices

  constructor(services: FetchServices) {
    this.#services = services
  }

  /** @throws {Refusal} where git cannot be started, or the exchange ends */
  async serve(call: GitCall, gitDir: string, body: RequestBody): Promise<void> {
    const { readers, sharesPacks, build, onClone } = this.#services
    const { request, claim } = call
    if (body.command === 'fetch' && isWholeClone(body.protocolV2)) onClone?.(gitDir)
    const packKey = sharesPacks ? packKeyOf(request, gitDir, body.protocolV2, build) : undefined
    await serveRead(readers, call, {
      request,
      gitDir,
      body,
      claim,
      lane: laneOf(request),
      packKey,
      referenceKey: undefined,
    })
  }
}

/**
 * Sends git's output to the client. Returns when the client has all of it, or has left. For the last reader of a git,
 * it returns when that git is gone.
 */
export async function serveRead(readers: Readers, call: GitCall, read: Read): Promise<void> {
  const { exchange, record } = call
  const { signal } = exchange
  record.phase = 'queued'
  using reader = await readers.open(call, read)
  noteReader(exchange, record, reader)
  // A client that has left or has timed out reads nothing more.
  const leave = () => reader[Symbol.dispose]()
  signal.addEventListener('abort', leave, { once: true })
  try {
    await passOn(call, reader, (length) => begin(call, read, length))
  } catch (error) {
    // The client is answered before git is gone: the teardown may take as long as its graces.
    await refuse(exchange, record, signal.aborted ? signal.reason : error)
  }
  signal.removeEventListener('abort', leave)
  leave()
  record.phase = 'ending'
  if (reader.wasLast) await producerOf(reader)?.conclude(record)
}

function begin({ exchange, request }: GitCall, { download }: Read, length?: number): void {
  if (download) beginDownload(exchange, download.headers, length)
  else beginReply(exchange, request, length)
}

async function passOn(
  { exchange, visit, record }: GitCall,
  reader: PackReader,
  beginWith: (length?: number) => void,
): Promise<void> {
  const { outgoing } = exchange
  const verdict = () => producerOf(reader)?.verdict
  await reader.copyTo(outgoing, (count) => {
    // With a Content-Length, Node and the gateway do not have to use chunked encoding. A reply with a trailer, which
    // tells the reason of a failure, must use it.
    if (!outgoing.headersSent) beginWith(verdict() ? undefined : reader.totalBytes)
    exchange.sent(count)
  })
  if (!outgoing.headersSent) beginWith()
  const failure = verdict()
  if (failure) {
    noteVerdict(record, failure)
    tellReason(exchange, failure.refusal)
  }
  await visit.leave()
  await exchange.finish()
}

function noteReader(exchange: Exchange, record: RequestRecord, reader: PackReader): void {
  const producer = producerOf(reader)
  // The git whose output this request reads may have been started for another request.
  record.stream = producer && {
    get worker() {
      return producer.holdsSlot ? producer.worker.pid : undefined
    },
  }
  record.waitedMs = exchange.milliseconds
  record.phase = 'serving'
}

function producerOf({ producer }: PackReader): GitProducer | undefined {
  return producer instanceof GitProducer ? producer : undefined
}
