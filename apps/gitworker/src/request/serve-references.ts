import type { RequestBody } from '../body/request-body.ts'
import type { ReferenceCache } from '../cache/references/reference-cache.ts'
import { cacheKeyOf } from '../cache/references/cache-key.ts'
import { laneOf } from '../capacity/admission.ts'
import { beginReply } from '../reply/relay.ts'
import type { GitCall } from './git-call.ts'
import type { Readers } from './readers.ts'
import { serveRead } from './serve-fetch.ts'

export type ReferenceServices = {
  readonly readers: Readers
  /** Undefined where references are not cached. */
  readonly answers: Pick<ReferenceCache, 'lookUp'> | undefined
  /** What git's answers depend on beside the repository: its version, and how it is started. */
  readonly build: string
}

/** Serves advertisements and `ls-refs`: from the cache if git would give the same answer again, else by git. */
export class References {
  readonly #services: ReferenceServices

  constructor(services: ReferenceServices) {
    this.#services = services
  }

  /**
   * @param body undefined for an advertisement
   * @throws {Refusal} where git cannot be started, or the exchange ends
   */
  async serve(call: GitCall, gitDir: string, body: RequestBody | undefined): Promise<void> {
    const { readers, answers, build } = this.#services
    const { request, claim } = call
    const referenceKey = answers && cacheKeyOf(request, gitDir, body?.protocolV2, build)
    const known = referenceKey && answers.lookUp(referenceKey)
    if (known) return await answerKnown(call, known)
    await serveRead(readers, call, {
      request,
      gitDir,
      body,
      claim,
      lane: laneOf(request),
      packKey: undefined,
      referenceKey,
    })
  }
}

/**
 * The service is on: it was when git gave this answer, and a changed configuration would have made the answer unusable.
 */
async function answerKnown({ exchange, request, record }: GitCall, bytes: Buffer): Promise<void> {
  record.cache = 'references'
  beginReply(exchange, request, bytes.length)
  exchange.outgoing.write(bytes)
  exchange.sent(bytes.length)
  await exchange.finish()
}
