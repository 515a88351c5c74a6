import { addAbortListener } from 'node:events'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import { rangeOf } from '@sluice/shared/http/byte-range'
import { isAtClient } from '@sluice/shared/http/entity-tag'
import { noCache } from '@sluice/shared/http/no-cache'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { checkServiceIsOn } from '../repository/service-switch.ts'
import type { ServiceSwitchServices } from '../repository/service-switch.ts'
import { bundleIn, bundlePath, hasBundle } from './bundle-file.ts'
import type { BundleFile } from './bundle-file.ts'
import { mayHaveBundle } from './bundles.ts'
import type { Bundles } from './bundles.ts'

/** So much of a bundle is in memory for each client. */
const chunkBytes = 256 * 1024

export type BundleDownloadServices = {
  /** Undefined where there are no bundles. */
  readonly bundles: Bundles | undefined
  readonly settings: ServiceSwitchServices
  /** Somebody gets all of a repository. */
  readonly onClone: (gitDir: string) => void
}

/** Serves bundles, as files, to whoever may fetch. No git runs for that, so it needs no slot. */
export class BundleDownloads {
  readonly #services: BundleDownloadServices

  constructor(services: BundleDownloadServices) {
    this.#services = services
  }

  /**
   * @param id of the bundle's commit, from the address
   * @throws {Refusal} `service_disabled`, `bundle_missing`, or why the exchange ends
   */
  async serve(exchange: Exchange, gitDir: string, id: string): Promise<void> {
    const { bundles, settings, onClone } = this.#services
    await checkServiceIsOn(settings, gitDir, { service: 'upload-pack' }, exchange)
    if (!bundles || !hasBundle(gitDir) || !mayHaveBundle(gitDir)) throw new Refusal('bundle_missing')
    await using file = await openOrMissing(bundlePath(gitDir))
    const bundle = bundleOrMissing(file)
    if (bundle.id !== id) throw new Refusal('bundle_missing')
    if (!(await bundles.isVisible(gitDir, bundle, exchange))) throw new Refusal('bundle_missing')
    await send(exchange, file, bundle)
    if (exchange.incoming.headers.range === undefined) onClone(gitDir)
  }
}

async function openOrMissing(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (cause) {
    throw new Refusal('bundle_missing', { cause })
  }
}

function bundleOrMissing(file: FileHandle): BundleFile {
  try {
    return bundleIn(file.fd)
  } catch (cause) {
    throw new Refusal('bundle_missing', { cause })
  }
}

async function send(exchange: Exchange, file: FileHandle, { id, bytes, changedAt }: BundleFile): Promise<void> {
  const { incoming, outgoing } = exchange
  const tag = `"${id}-${bytes.toString(16)}-${Math.floor(changedAt).toString(16)}"`
  if (isAtClient(incoming.headers, tag)) return await exchange.reply(304, '', { ETag: tag })
  const range = rangeOf(incoming.headers, bytes, tag)
  if (range === 'unsatisfiable') {
    return await exchange.reply(416, '', { 'Content-Range': `bytes */${bytes}`, 'ETag': tag })
  }
  const { start, end } = range ?? { start: 0, end: bytes - 1 }
  outgoing.writeHead(range ? 206 : 200, {
    ...noCache,
    'Content-Type': 'application/x-git-bundle',
    'X-Content-Type-Options': 'nosniff',
    'Accept-Ranges': 'bytes',
    'ETag': tag,
    'Content-Length': end - start + 1,
    ...(range && { 'Content-Range': `bytes ${start}-${end}/${bytes}` }),
  })
  if (incoming.method !== 'HEAD') await sendPart(exchange, file, start, end)
  await exchange.finish()
}

/**
 * Sends a part at the client's pace. All of it goes through one piece of memory.
 *
 * @throws the signal's reason where the exchange is over before all is written
 */
async function sendPart(exchange: Exchange, file: FileHandle, start: number, end: number): Promise<void> {
  const { outgoing, signal } = exchange
  const buffer = Buffer.allocUnsafeSlow(chunkBytes)
  for (let position = start; position <= end;) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(chunkBytes, end + 1 - position), position)
    signal.throwIfAborted()
    if (bytesRead === 0) throw new Error('The bundle has become shorter.')
    exchange.sent(bytesRead)
    position += bytesRead
    await written(outgoing, buffer.subarray(0, bytesRead), signal)
  }
}

/** @throws the signal's reason, which every connection that closes early has as its end */
async function written(sink: Writable, chunk: Buffer, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  using _aborted = addAbortListener(signal, () => resolve())
  sink.write(chunk, () => resolve())
  await promise
  signal.throwIfAborted()
}
