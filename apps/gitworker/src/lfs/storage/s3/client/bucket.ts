/** Where a bucket is, and how it is addressed. */
export type Bucket = {
  /** Scheme and authority, as clients and this host reach it: `https://s3.eu-central-1.amazonaws.com`. */
  readonly endpoint: string
  readonly name: string
  readonly region: string
  /** Whether the bucket's name is the beginning of the path, rather than of the host name. */
  readonly isPathStyle: boolean
}

/**
 * @param key of an object, of letters, digits, slashes and `-_.` only; none is the bucket itself
 * @param query of a request about the bucket
 */
export function addressIn(bucket: Bucket, key?: string, query: Readonly<Record<string, string>> = {}): URL {
  const url = new URL(bucket.endpoint)
  if (!bucket.isPathStyle) url.hostname = `${bucket.name}.${url.hostname}`
  const parts = [...(bucket.isPathStyle ? [bucket.name] : []), ...(key === undefined ? [] : [key])]
  url.pathname = parts.join('/')
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  return url
}
