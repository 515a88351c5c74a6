import type { RequestBody } from '../body/request-body.ts'
import type { ReferenceCache } from '../cache/references/reference-cache.ts'
import { cacheKeyOf } from '../cache/references/cache-key.ts'
import { readBundle } from '../bundles/bundle-file.ts'
import { bundleSettings, mayHaveBundle } from '../bundles/bundles.ts'
import type { Bundles } from '../bundles/bundles.ts'
import { laneOf } from '../capacity/admission.ts'
import type { ConfigSetting } from '../git/config-file.ts'
import { beginReply } from '../reply/relay.ts'
import type { GitCall } from './git-call.ts'
import type { Readers } from './readers.ts'
import { serveRead } from './serve-fetch.ts'
import type { Slots } from './slots.ts'

export type ReferenceServices = {
  readonly readers: Readers
  readonly slots: Slots
  /** Undefined where there are no bundles. */
  readonly bundles: Bundles | undefined
  /** Undefined where references are not cached. */
  readonly answers: Pick<ReferenceCache, 'lookUp'> | undefined
  /** What git's answers depend on beside the repository: its version, and how it is started. */
  readonly build: string
}

/** Serves advertisements, `ls-refs` and `bundle-uri`: from the cache if git would give the same answer again, else by git. */
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
    const settings = await this.#bundleSettings(call, gitDir, body)
    const bundle = settings && JSON.stringify(settings)
    const referenceKey = answers && cacheKeyOf(request, gitDir, body?.protocolV2, build, bundle)
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
      settings,
    })
  }

  /** What git is told of a bundle. Undefined for requests that are not about any. */
  async #bundleSettings(
    call: GitCall,
    gitDir: string,
    body: RequestBody | undefined,
  ): Promise<ConfigSetting[] | undefined> {
    const { bundles } = this.#services
    const { service, version } = call.request
    if (!bundles || service !== 'upload-pack' || version !== 2) return undefined
    if (!body) return bundles.isOffered(gitDir) ? bundleSettings(undefined) : undefined
    // The command is known even where the bundle has been removed since the client heard of it.
    if (body.command !== 'bundle-uri' || !mayHaveBundle(gitDir)) return undefined
    return bundleSettings(await this.#visibleBundle(bundles, call, gitDir))
  }

  /** @returns the commit of a bundle that clients may have */
  async #visibleBundle(
    bundles: Bundles,
    { exchange, request, claim }: GitCall,
    gitDir: string,
  ): Promise<string | undefined> {
    const { slots } = this.#services
    const bundle = readBundle(gitDir)
    if (!bundle) return undefined
    const known = bundles.isKnownToBeVisible(gitDir, bundle)
    if (known !== undefined) return known ? bundle.id : undefined
    const lane = laneOf(request)
    using _idleLimit = slots.extendIdleLimit(exchange, lane)
    using _slot = await slots.take({ lane, claim, body: undefined }, exchange.signal)
    return (await bundles.isVisible(gitDir, bundle, exchange)) ? bundle.id : undefined
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
