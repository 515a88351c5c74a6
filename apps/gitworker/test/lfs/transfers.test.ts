import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { request } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Exchange } from '@sluice/shared/exchange/exchange'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { serveHttp } from '@sluice/shared/testing/serve-http'
import { until } from '@sluice/shared/testing/until'
import { Admission, laneNames } from '../../src/capacity/admission.ts'
import { ReadAheadBudget } from '../../src/body/read-ahead.ts'
import { UploadAudit } from '../../src/lfs/call/upload-audit.ts'
import { LfsRoom } from '../../src/lfs/room/lfs-room.ts'
import { LfsSizes } from '../../src/lfs/room/lfs-sizes.ts'
import { DiskStorage } from '../../src/lfs/storage/disk/disk-storage.ts'
import { UploadNotes } from '../../src/lfs/storage/disk/upload-notes.ts'
import { Downloads } from '../../src/lfs/transfer/downloads.ts'
import { TransferSlots } from '../../src/lfs/transfer/transfer-slots.ts'
import { Uploads } from '../../src/lfs/transfer/uploads.ts'

/** Objects on their way between a client and the disk, in a server that serves nothing else. */

const content = randomBytes(16 * 1024 * 1024)
const oid = createHash('sha256').update(content).digest('hex')

type Ended = { readonly reason: unknown }

async function startTransfers(idleTimeout: number) {
  const stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder()).path
  const limits = { slots: 1, largestShare: 1, queueLength: 4, queueTimeout: 60_000 }
  const lane = { ...limits, reasons: { full: 'queue_full', late: 'queue_timeout' } } as const
  const admission = new Admission(Object.fromEntries(laneNames.map((name) => [name, lane])) as never)
  const slots = new TransferSlots({ admission, readAhead: new ReadAheadBudget(), idleTimeout })
  const storage = new DiskStorage(UploadNotes.open(join(folder, 'run'), silentLog))
  const none = { maxRepository: () => undefined, maxObject: undefined, sizes: { of: async () => 0 } }
  const room = new LfsRoom({ ...none, lfsSizes: new LfsSizes(storage) })
  const confirmObjects = async () => {}
  const uploads = new Uploads({ storage, slots, room, confirmObjects, audit: new UploadAudit(undefined, silentLog) })
  const downloads = new Downloads({ storage, slots })
  const place = { repository: 'a', gitDir: join(folder, 'a.git') }
  const enter = async () => ({ place, use: { [Symbol.dispose]() {} } })
  const ended: Ended[] = []

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse) {
    const options = { clientAddress: '127.0.0.1', user: undefined, takesInterimReplies: false }
    const exchange = new Exchange(incoming, outgoing, options)
    const kind = incoming.method === 'PUT' ? 'upload' : 'download'
    const lfs = { service: 'lfs', repository: 'a', kind, oid } as const
    const claim = { repository: 'a', client: 'c' }
    const call = { exchange, request: lfs, claim, record: {} as never, tenure: undefined }
    try {
      await (kind === 'upload' ? uploads.serve(call, place, enter) : downloads.serve(call, place))
      ended.push({ reason: undefined })
    } catch (error) {
      const refusal = Refusal.from(error)
      ended.push({ reason: refusal.reason })
      await exchange.refuse(refusal)
    }
  }
  const { port } = stack.use(await serveHttp((incoming, outgoing) => void serve(incoming, outgoing)))
  const begin = (method: 'GET' | 'PUT') => {
    const headers = method === 'PUT' ? { 'Content-Length': content.length } : {}
    const sent = request({ host: '127.0.0.1', port, path: '/', method, headers, agent: false })
    sent.on('error', () => {})
    return sent
  }
  const { lfs } = admission.lanes
  const incoming = join(place.gitDir, 'lfs/incoming')
  const left = () => (existsSync(incoming) ? readdirSync(incoming) : [])
  const store = async () => {
    await using object = await storage.receive(place, oid)
    object.sink.write(content)
    await object.store()
  }
  return { begin, ended, lfs, left, store, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

describe('a transfer', () => {
  test('whose client sends nothing more is ended, gives back its slot, and leaves nothing', async () => {
    await using transfers = await startTransfers(100)
    const sent = transfers.begin('PUT')
    sent.write(content.subarray(0, 1000))
    const [reply] = (await once(sent, 'response')) as [IncomingMessage]
    assert.equal(reply.statusCode, 504)
    assert.deepEqual(transfers.ended, [{ reason: 'idle_timeout' }])
    assert.equal(transfers.lfs.running, 0)
    assert.deepEqual(transfers.left(), [])
    sent.destroy()
  })

  test('whose client leaves is told to be that', async () => {
    await using transfers = await startTransfers(60_000)
    const sent = transfers.begin('PUT')
    sent.write(content.subarray(0, 1000))
    await until('the upload to be at work', () => transfers.left().length > 0)
    sent.destroy()
    await until('the end', () => transfers.ended.length > 0)
    assert.deepEqual(transfers.ended, [{ reason: 'client_gone' }])
    assert.equal(transfers.lfs.running, 0)
    assert.deepEqual(transfers.left(), [])
  })

  test('that comes to its end is answered, and gives back its slot', async () => {
    await using transfers = await startTransfers(60_000)
    const sent = transfers.begin('PUT')
    sent.end(content)
    const [reply] = (await once(sent, 'response')) as [IncomingMessage]
    assert.equal(reply.statusCode, 200)
    await until('the end', () => transfers.ended.length > 0)
    assert.deepEqual(transfers.ended, [{ reason: undefined }])
    assert.equal(transfers.lfs.running, 0)
    sent.destroy()
  })

  test('whose client takes nothing more is ended, and gives back its slot', async () => {
    await using transfers = await startTransfers(500)
    await transfers.store()
    const asked = transfers.begin('GET')
    asked.end()
    const [reply] = (await once(asked, 'response')) as [IncomingMessage]
    reply.pause().on('error', () => {})
    await until('the end', () => transfers.ended.length > 0)
    assert.deepEqual(transfers.ended, [{ reason: 'idle_timeout' }])
    assert.equal(transfers.lfs.running, 0)
    asked.destroy()
  })
})
