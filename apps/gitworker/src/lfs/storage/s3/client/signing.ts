import { AwsV4Signer } from 'aws4fetch'
import type { AccessKey } from './access-key.ts'

/** A day needs one key that is derived from the secret; at midnight there may be two. */
const mostDerived = 4

export type Signed = { readonly url: URL; readonly headers: Readonly<Record<string, string>> }

export type Unsigned = {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  readonly url: URL
  /** All of them are signed: a request without one, or with another value, is refused by S3. */
  readonly headers: Readonly<Record<string, string>>
}

/** Signs requests to one region of S3: AWS Signature Version 4. */
export class Signing {
  readonly #region: string
  readonly #key: () => AccessKey
  readonly #derived = new Map<string, ArrayBuffer>()

  constructor(region: string, key: () => AccessKey) {
    this.#region = region
    this.#key = key
  }

  /** For a request of this host's own. */
  async request({ method, url, headers }: Unsigned): Promise<Signed> {
    const signed = await this.#signer({ method, url, headers }, false).sign()
    return { url: signed.url, headers: Object.fromEntries(signed.headers) }
  }

  /** An address that lets whoever has it send this one request, for so many seconds. */
  async address({ method, url, headers }: Unsigned, seconds: number): Promise<string> {
    const lasting = new URL(url)
    lasting.searchParams.set('X-Amz-Expires', String(seconds))
    return (await this.#signer({ method, url: lasting, headers }, true).sign()).url.href
  }

  #signer({ method, url, headers }: Unsigned, signQuery: boolean): AwsV4Signer {
    if (this.#derived.size >= mostDerived) this.#derived.clear()
    const { id, secret } = this.#key()
    return new AwsV4Signer({
      method,
      url: url.href,
      headers: { ...headers },
      signQuery,
      allHeaders: true,
      accessKeyId: id,
      secretAccessKey: secret,
      service: 's3',
      region: this.#region,
      cache: this.#derived,
    })
  }
}
