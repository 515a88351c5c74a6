/** An object, as a listing shows it. */
export type ListedKey = {
  readonly key: string
  /** Bytes. */
  readonly size: number
  /** Milliseconds since 1970. */
  readonly changedAt: number
}

export type Listing = {
  readonly keys: readonly ListedKey[]
  /** Undefined on the last page. */
  readonly next: string | undefined
}

/**
 * Reads a page of ListObjectsV2. Keys are percent-encoded (`encoding-type=url`), so that no name can look like a tag, and
 * the form is the same from every server.
 *
 * @throws {Error} for what is no such page
 */
export function readListing(xml: string): Listing {
  if (!/<ListBucketResult[\s>]/.test(xml)) throw new Error('this is no list of objects')
  const keys = [...xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)].map(([, entry]) => readObject(entry!))
  const isWhole = valueOf(xml, 'IsTruncated') !== 'true'
  const next = isWhole ? undefined : valueOf(xml, 'NextContinuationToken')
  if (!isWhole && next === undefined) throw new Error('a list of objects that goes on does not say where')
  return { keys, next }
}

function readObject(entry: string): ListedKey {
  const key = valueOf(entry, 'Key')
  const size = valueOf(entry, 'Size') ?? ''
  if (key === undefined || !/^\d{1,15}$/.test(size)) throw new Error('an object in a list has no key, or no size')
  return {
    key: decodeURIComponent(key),
    size: Number(size),
    changedAt: Date.parse(valueOf(entry, 'LastModified') ?? ''),
  }
}

function valueOf(xml: string, tag: string): string | undefined {
  const [, text] = new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(xml) ?? []
  return text?.replace(/&(amp|lt|gt|quot|apos);/g, (_, name: keyof typeof entities) => entities[name])
}

const entities = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
