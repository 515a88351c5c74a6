import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { EventEmitter, once } from 'node:events'
import { utimes, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { temporaryFolder } from './folder.ts'

const bucket = 'lfs'
const accessKey = 'S3RVER'

/** An S3 server in this process, with one bucket, on a free port of 127.0.0.1. */
export type S3Server = AsyncDisposable & {
  readonly port: number
  readonly bucket: string
  /** The settings that lead to it, as variables. */
  readonly env: Readonly<Record<string, string>>
  /** What was asked, as `PUT /lfs/key`, without queries. */
  readonly requests: string[]
  /** Emits the method of each request as it arrives, before it is answered. */
  readonly arrivals: EventEmitter
  /** While this is set, each request is answered with this status. */
  failWith: number | undefined
  /** While this is false, checksums are neither checked nor kept, as by servers that do not know them. */
  knowsChecksums: boolean
  /** The keys of all objects. */
  keys(): Promise<string[]>
  /** Puts an object there behind everybody's back. @param checksumOf another object, which has the checksum that is told */
  put(key: string, content: Buffer, checksumOf?: string): Promise<void>
  /** Makes an object older. @param ms in milliseconds */
  age(key: string, ms: number): Promise<void>
}

type Koa = {
  readonly middleware: unknown[]
  readonly store: {
    putObject(object: object): Promise<unknown>
    getResourcePath(bucket: string, key: string, resource: 'object'): string
    listObjects(bucket: string, options: object): Promise<{ readonly objects: readonly { readonly key: string }[] }>
  }
  configureBuckets(): Promise<unknown>
  callback(): RequestListener
}
type S3rver = new (options: object) => Koa
const load = createRequire(import.meta.url)

/**
 * `s3rver` checks signatures, including those of all signed headers, and their ages. Three things that it lacks, and AWS, Ceph
 * and MinIO do, are added here: `x-amz-checksum-sha256` is checked as an object comes, it is told where
 * `x-amz-checksum-mode` asks for it, and nothing is done without a signature.
 */
export async function startS3Server(): Promise<S3Server> {
  await using cleanup = new AsyncDisposableStack()
  const folder = cleanup.use(await temporaryFolder())
  const Kept = load('@20minutes/s3rver') as S3rver
  const kept = new Kept({
    silent: true,
    directory: join(folder.path, 's3'),
    vhostBuckets: false,
    configureBuckets: [{ name: bucket }],
  })
  await kept.configureBuckets()
  const serve = kept.callback()
  const checksums = new Map<string, string>()
  const state = {
    requests: [] as string[],
    arrivals: new EventEmitter(),
    failWith: undefined as number | undefined,
    knowsChecksums: true,
  }
  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing, serve, state, checksums))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanup.defer(() => closeServer(server))
  const { port } = server.address() as AddressInfo
  const env = await settingsFor(folder.path, port)
  const owned = cleanup.move()
  return Object.assign(state, {
    port,
    bucket,
    env,
    keys: async () => (await kept.store.listObjects(bucket, { maxKeys: 10_000 })).objects.map(({ key }) => key),
    put: async (key: string, content: Buffer, checksumOf?: string) => {
      await kept.store.putObject({ bucket, key, content: Readable.from([content]), metadata: {} })
      const checksum = checksums.get(`/${bucket}/${checksumOf}`)
      if (checksum !== undefined) checksums.set(`/${bucket}/${key}`, checksum)
    },
    age: async (key: string, ms: number) => {
      const time = new Date(Date.now() - ms)
      await utimes(kept.store.getResourcePath(bucket, key, 'object'), time, time)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  })
}

async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  serve: RequestListener,
  state: Pick<S3Server, 'requests' | 'arrivals' | 'failWith' | 'knowsChecksums'>,
  checksums: Map<string, string>,
): Promise<void> {
  const { pathname: path, searchParams } = new URL(incoming.url ?? '', 'http://s3')
  state.requests.push(`${incoming.method} ${path}`)
  state.arrivals.emit(incoming.method!)
  const isSigned = searchParams.has('X-Amz-Signature') || incoming.headers.authorization !== undefined
  if (state.failWith !== undefined) return refuse(outgoing, state.failWith, 'SlowDown')
  if (!isSigned) return refuse(outgoing, 403, 'AccessDenied')
  const source = incoming.headers['x-amz-copy-source']
  if (typeof source === 'string' && checksums.has(source)) checksums.set(path, checksums.get(source)!)
  else if (incoming.method === 'PUT' && state.knowsChecksums) {
    const told = incoming.headers['x-amz-checksum-sha256']
    const content = await buffer(incoming)
    const checksum = createHash('sha256').update(content).digest('base64')
    if (typeof told === 'string' && told !== checksum) return refuse(outgoing, 400, 'BadDigest')
    outgoing.once('finish', () => void (outgoing.statusCode === 200 && checksums.set(path, checksum)))
    return serve(again(incoming, content), outgoing)
  }
  const known = checksums.get(path)
  if (incoming.headers['x-amz-checksum-mode'] === 'ENABLED' && known !== undefined && state.knowsChecksums) {
    outgoing.setHeader('x-amz-checksum-sha256', known)
  }
  serve(incoming, outgoing)
}

/** A request whose body has been read, to be read once more. */
function again(
  { method, url, headers, rawHeaders, socket, httpVersion }: IncomingMessage,
  content: Buffer,
): IncomingMessage {
  const parts = { method, url, headers, rawHeaders, socket, httpVersion }
  return Object.assign(Readable.from([content]), parts) as unknown as IncomingMessage
}

function refuse(outgoing: ServerResponse, status: number, code: string): void {
  outgoing.writeHead(status, { 'Content-Type': 'application/xml' }).end(`<Error><Code>${code}</Code></Error>`)
}

async function settingsFor(folder: string, port: number): Promise<Record<string, string>> {
  const [id, secret] = [join(folder, 'key-id'), join(folder, 'secret')]
  await Promise.all([writeFile(id, `${accessKey}\n`), writeFile(secret, `${accessKey}\n`)])
  return {
    SLUICE_LFS_S3_ENDPOINT: `http://127.0.0.1:${port}`,
    SLUICE_LFS_S3_BUCKET: bucket,
    SLUICE_LFS_S3_KEY_ID_FILE: id,
    SLUICE_LFS_S3_SECRET_FILE: secret,
  }
}

async function closeServer(server: Server): Promise<void> {
  server.close()
  server.closeAllConnections()
  await once(server, 'close')
}
