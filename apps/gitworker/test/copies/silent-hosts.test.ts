import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { describe, test } from 'node:test'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { serveHttp } from '@sluice/shared/testing/serve-http'
import { askKept } from '../../src/copies/link/ask-kept.ts'
import { HostLinks } from '../../src/copies/link/host-links.ts'
import { CopiesServer } from '../../src/copies/server/copies-server.ts'
import { readState } from '../../src/copies/state/read-state.ts'

/** Hosts and disks that say nothing any more: whoever waits for them is told so in the end. */

const never = new AbortController().signal
const forEver = new Promise<never>(() => {})

describe('references that are read from a disk that hangs', () => {
  test('are given up when git has listed none for a while, though git does not end', async () => {
    await using folder = await temporaryFolder()
    const gitDir = await repositoryIn(folder.path)
    const hanging = fakeGit()
    const reader = { startGit: () => Promise.resolve(hanging.running), runJob: () => forEver, longestSilence: 300 }
    // The next reference comes a while after the last one was read: all of them take far longer than the silence may.
    let listed = 0
    const list = () => hanging.stdout.write(`${'1'.repeat(40)}  refs/heads/x\n`)
    const onReference = () => void (++listed < 60 && setTimeout(list, 20))
    list()
    const reading = readState(gitDir, reader, never, onReference)
    await assert.rejects(reading, /for-each-ref has listed nothing .* for 300 ms/)
    assert.equal(listed, 60)
    assert.ok(hanging.isEnding())
  })
})

describe('a copy', () => {
  test('whose disk hangs gives no signs of life for ever when it is asked what it has', async () => {
    await using host = await listen({ longestSilence: 300 })
    using links = new HostLinks({ secret: undefined, tls: undefined })
    const asked = askKept(links, host.address, { primary: 'one', slots: [[1, 7]] }, 1500, never)
    await assert.rejects(asked, /no progress for 1500 ms/)
  })

  test('does not keep a connection on which nothing passes any more', async () => {
    await using host = await listen({ longestStandstill: 300 })
    const { host: name, port } = host.address
    const sent = request({
      host: name,
      port,
      method: 'POST',
      path: '/-/copies/follow',
      headers: { 'content-length': 9 },
    })
    sent.flushHeaders()
    const [error] = (await once(sent, 'error')) as [NodeJS.ErrnoException]
    assert.equal(error.code, 'ECONNRESET')
    await host.isOver
  })
})

async function repositoryIn(folder: string): Promise<string> {
  const gitDir = join(folder, 'r.git')
  await mkdir(gitDir)
  await writeFile(join(gitDir, 'HEAD'), 'ref: refs/heads/main\n')
  await writeFile(join(gitDir, 'config'), '[core]\n\tbare = true\n')
  return gitDir
}

/** One that does not end, as if the kernel did not let it. */
function fakeGit() {
  const stdout = new PassThrough()
  let isEnding = false
  const running = {
    stdin: new PassThrough(),
    stdout,
    worker: { report: forEver } as never,
    async [Symbol.asyncDispose]() {
      isEnding = true
      await forEver
    },
  }
  return { running, stdout, isEnding: () => isEnding }
}

/** A copy of slot 1 whose walk of its repositories never ends. */
async function listen(limits: { longestSilence?: number; longestStandstill?: number }) {
  const over = Promise.withResolvers<void>()
  const record = { primary: 'one', term: 7, copies: ['one', 'two'] }
  const view = { name: 'two', slot: () => record, changed: () => Promise.resolve() }
  const terms = { of: () => 7, see: () => Promise.resolve(), seeAll: () => Promise.resolve() }
  const names = { read: () => forEver }
  const services = { view, terms, names, ending: never, log: silentLog, ...limits }
  const served = new CopiesServer(services as never)
  const server = await serveHttp((incoming, outgoing) => {
    void served.serve(incoming, outgoing).then(() => over.resolve())
  })
  return {
    address: { kind: 'tcp', host: '127.0.0.1', port: server.port } as const,
    isOver: over.promise,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}
