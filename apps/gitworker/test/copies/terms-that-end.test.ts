import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { Server, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { after, before, test } from 'node:test'
import { git, importHistory } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import type { Told } from '../../src/copies/link/told.ts'
import { NotPrimaryError } from '../../src/copies/primary/primary-of.ts'
import { absentDigest } from '../../src/copies/state/state-digest.ts'
import { fakeCluster, openCopyingHost } from '../support/copying-hosts.ts'
import type { CopyingHost } from '../support/copying-hosts.ts'

/*
 * A primary is paused, or cut off, while a copy fetches from it. The copy becomes the primary, and takes pushes. Whatever the
 * old primary sends when it is back must change nothing.
 */

const hosts = new AsyncDisposableStack()
const cluster = fakeCluster('one', 'two')
const held: ServerResponse[] = []
const goOn = Promise.withResolvers<void>()
let one: CopyingHost
let two: CopyingHost
let gitDir: string
let isPaused = false

before(async () => {
  one = hosts.use(await openCopyingHost(cluster, 'one'))
  two = hosts.use(await openCopyingHost(cluster, 'two'))
  gitDir = join(one.root, 'r.git')
  await git(one.root, ['init', '--quiet', '--bare', 'r.git'])
  await importHistory(gitDir, 3)
  await git(gitDir, ['branch', 'topic', 'main'])
  const paused = await openPausable((one.server.address() as { port: number }).port)
  hosts.defer(() => {
    paused.close()
    paused.closeAllConnections()
  })
  cluster.addresses.set('one', { kind: 'tcp', host: '127.0.0.1', port: (paused.address() as { port: number }).port })
})

after(() => hosts.disposeAsync())

/** The way to a host that stops after the references that an upload-pack shows, while `isPaused` says so. */
async function openPausable(port: number): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    const { url: path, method, headers } = incoming
    const sent = request({ host: '127.0.0.1', port, path, method, headers }, (reply) => {
      outgoing.writeHead(reply.statusCode ?? 500, reply.headers)
      outgoing.flushHeaders()
      void pipeline(
        reply,
        async function* (chunks: AsyncIterable<Buffer>) {
          for await (const chunk of chunks) {
            yield chunk
            if (!isPaused || !path?.startsWith('/-/copies/objects')) continue
            held.push(outgoing)
            await goOn.promise
          }
        },
        outgoing,
      ).catch(() => {})
    })
    sent.flushHeaders()
    sent.on('error', () => outgoing.destroy())
    void pipeline(incoming, sent).catch(() => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

test('what a primary sends after its term is over changes nothing, and pushes of the next term wait until that is sure', async () => {
  await one.copies.confirm('r', 7)
  const copy = join(two.root, 'r.git')
  const [first] = (await git(gitDir, ['rev-list', '--reverse', 'main'])).split('\n')
  await git(gitDir, ['branch', '-D', 'topic'])
  await git(gitDir, ['commit-tree', '-m', 'new', 'main^{tree}']).then((id) =>
    git(gitDir, ['update-ref', 'refs/heads/new', id.trim()]),
  )
  isPaused = true
  const confirmed = one.copies.confirm('r', 7)
  confirmed.catch(() => {})
  await until('the fetch to be held', () => held.length > 0)

  cluster.record = { primary: 'two', copies: ['one', 'two'], inSync: ['two'], next: undefined, term: 9 }
  await two.copies.turns.untilFree('r')
  assert.deepEqual(two.serving(), [])
  // As acknowledged pushes to the new primary.
  await git(copy, ['update-ref', 'refs/heads/topic', first!])
  await git(copy, ['update-ref', 'refs/heads/new', first!])
  goOn.resolve()
  await assert.rejects(confirmed, NotPrimaryError)
  assert.equal((await git(copy, ['rev-parse', 'topic', 'new'])).trim(), `${first}\n${first}`)
})

/** What a primary that has no `r` tells. */
const absence = (primary: string, term: number): Told => ({
  repository: 'r',
  term,
  primary,
  order: { run: '0123456789abcdef', count: 1_000_000 },
  digest: absentDigest,
  state: null,
  trashed: null,
  isWhole: true,
  offer: null,
})

test('a primary whose term is over has nothing removed, for which nobody has to ask it', async () => {
  const copy = join(two.root, 'r.git')
  const refs = await git(copy, ['for-each-ref'])
  const tell = (told: Told) => two.followers.follow({ told, signal: new AbortController().signal, onProgress() {} })
  await assert.rejects(tell(absence('one', 7)), /Term 7 of slot \d+ is over: 9 is known/)
  assert.equal(await git(copy, ['for-each-ref']), refs)
})

test('a copy takes nothing from a primary whose lease is over, also where the term is not', async () => {
  const { record } = cluster
  const address = cluster.addresses.get('one')!
  cluster.record = { primary: 'one', copies: ['one', 'two'], inSync: ['one', 'two'], next: undefined, term: 13 }
  cluster.addresses.delete('one')
  const refs = await git(join(two.root, 'r.git'), ['for-each-ref'])
  await one.copies.confirm('r', 13)
  assert.deepEqual(cluster.removed, ['two'])
  assert.equal(await git(join(two.root, 'r.git'), ['for-each-ref']), refs)
  cluster.addresses.set('one', address)
  cluster.record = record
})
