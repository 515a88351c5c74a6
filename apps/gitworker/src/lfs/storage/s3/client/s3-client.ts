import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { AccessKey } from './access-key.ts'
import { addressIn } from './bucket.ts'
import type { Bucket } from './bucket.ts'
import { readListing } from './listing.ts'
import type { ListedKey, Listing } from './listing.ts'
import { S3Requests, unexpected } from './s3-requests.ts'
import { Signing } from './signing.ts'

/** None of these answers has more than a thousand names. */
const usualMs = 20_000
/** S3 copies up to 5 GiB before it answers. */
const copyMs = 30 * 60_000

/** What S3 knows of an object. */
export type KeptObject = {
  /** Bytes. */
  readonly size: number
  /** SHA-256 in base64. Undefined where the server keeps none. */
  readonly checksum: string | undefined
  /** Milliseconds since 1970. */
  readonly changedAt: number
}

/** The operations of S3 that are needed. Each throws the Refusal `lfs_storage_failed` where S3 is away, or says no. */
export class S3Client implements AsyncDisposable {
  readonly #bucket: Bucket
  readonly #signing: Signing
  readonly #requests: S3Requests

  constructor(bucket: Bucket, key: () => AccessKey) {
    this.#bucket = bucket
    this.#signing = new Signing(bucket.region, key)
    this.#requests = new S3Requests(this.#signing)
  }

  /** @returns undefined where there is none */
  async look(key: string): Promise<KeptObject | undefined> {
    const headers = { 'x-amz-checksum-mode': 'ENABLED' }
    const answer = await this.#requests.ask({ method: 'HEAD', url: this.#url(key), headers }, usualMs)
    if (answer.status === 404) return undefined
    if (answer.status !== 200) throw unexpected(`HEAD ${key}`, answer)
    const { 'content-length': size, 'x-amz-checksum-sha256': checksum, 'last-modified': changed } = answer.headers
    return {
      size: Number(size),
      checksum: typeof checksum === 'string' ? checksum : undefined,
      changedAt: Date.parse(String(changed)),
    }
  }

  /** Whether S3 answers, and lets this key list what is below a prefix. */
  async probe(prefix: string): Promise<void> {
    await this.#page({ prefix, 'max-keys': '1' })
  }

  /** What there is below a prefix, by the bytes of the keys. */
  async *list(prefix: string): AsyncGenerator<ListedKey> {
    let next: string | undefined
    do {
      const page: Listing = await this.#page({ prefix, ...(next && { 'continuation-token': next }) })
      yield* page.keys
      next = page.next
    } while (next !== undefined)
  }

  async #page(query: Readonly<Record<string, string>>): Promise<Listing> {
    const url = addressIn(this.#bucket, undefined, { 'list-type': '2', 'encoding-type': 'url', ...query })
    const answer = await this.#requests.ask({ method: 'GET', url, headers: {} }, usualMs)
    if (answer.status !== 200) throw unexpected('ListObjectsV2', answer)
    try {
      return readListing(answer.text)
    } catch (cause) {
      throw new Refusal('lfs_storage_failed', { cause })
    }
  }

  /** There is none afterwards, whether or not there was one. */
  async remove(key: string): Promise<void> {
    const answer = await this.#requests.ask({ method: 'DELETE', url: this.#url(key), headers: {} }, usualMs)
    if (![200, 204, 404].includes(answer.status)) throw unexpected(`DELETE ${key}`, answer)
  }

  /** @returns false where there is no object to copy */
  async copy(from: string, to: string): Promise<boolean> {
    const headers = { 'x-amz-copy-source': `/${this.#bucket.name}/${from}`, 'content-length': '0' }
    const answer = await this.#requests.ask({ method: 'PUT', url: this.#url(to), headers }, copyMs)
    if (answer.status === 404) return false
    // A copy may fail after the 200 has gone out.
    if (answer.status !== 200 || !/<CopyObjectResult[\s>]/.test(answer.text)) throw unexpected(`COPY ${from}`, answer)
    return true
  }

  /** Makes an empty object, or makes it new. */
  async mark(key: string): Promise<void> {
    const answer = await this.#requests.ask(
      { method: 'PUT', url: this.#url(key), headers: { 'content-length': '0' } },
      usualMs,
    )
    if (answer.status !== 200) throw unexpected(`PUT ${key}`, answer)
  }

  /** @param range as in RFC 9110. The caller reads the body to its end, or destroys it */
  async read(key: string, range: string | undefined, signal: AbortSignal): Promise<Dispatcher.ResponseData['body']> {
    const headers: Record<string, string> = range === undefined ? {} : { range }
    return (await this.#requests.read({ method: 'GET', url: this.#url(key), headers }, signal)).body
  }

  /** Sends an object, once. @param headers among them `content-length` */
  async write(
    key: string,
    headers: Readonly<Record<string, string>>,
    body: Readable,
    signal: AbortSignal,
  ): Promise<void> {
    const answer = await this.#requests.write({ method: 'PUT', url: this.#url(key), headers }, body, signal)
    if (answer.status !== 200) throw unexpected(`PUT ${key}`, answer)
  }

  /**
   * An address that clients use themselves.
   *
   * @param headers that the client must send
   * @param seconds for which it is good
   */
  async addressFor(
    method: 'GET' | 'PUT',
    key: string,
    headers: Readonly<Record<string, string>>,
    seconds: number,
  ): Promise<string> {
    return await this.#signing.address({ method, url: this.#url(key), headers }, seconds)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#requests[Symbol.asyncDispose]()
  }

  #url(key: string): URL {
    return addressIn(this.#bucket, key)
  }
}
