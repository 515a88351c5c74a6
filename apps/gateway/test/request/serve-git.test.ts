import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Exchange } from '@sluice/shared/exchange/exchange'
import { parseGitRequest } from '@sluice/shared/git/git-route'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { openTracing } from '@sluice/shared/telemetry/tracing'
import { ask } from '@sluice/shared/testing/http'
import type { Wanted } from '../../src/hosts/placement.ts'
import { ClientAdmission } from '../../src/admission/client-admission.ts'
import { newRecord } from '../../src/request/request-record.ts'
import { serveGit } from '../../src/request/serve-git.ts'

/** The gateway without hosts: its placement only records what it is asked for. */
async function withoutHosts() {
  const asked: Omit<Wanted, 'signal' | 'clientAddress'>[] = []
  const admitted: string[] = []
  class Admission extends ClientAdmission {
    override async admit(client: string, repository: string, signal: AbortSignal): Promise<Disposable> {
      admitted.push(`${client} ${repository}`)
      return await super.admit(client, repository, signal)
    }
  }
  const parts = {
    access: { authorise: async () => ({ user: 'ann', rights: 'write', mayCreate: true }) as const },
    clientAdmission: new Admission({ clientRequests: 1, clientQueue: 1, queueTimeout: 60_000 }),
    placement: {
      route({ repository, purpose, client }: Wanted) {
        asked.push({ repository, purpose, client })
        throw new Refusal('host_unreachable')
      },
      reach: async () => ({ share: 1, isEnough: true, problem: undefined, notes: {} }),
      waiting: 0,
    },
    minUploadRate: 0,
    hostWait: 0,
    idleTimeout: 60_000,
    silentGitTimeout: 60_000,
  }
  const tracing = await openTracing('gateway', undefined, () => {})
  const server = createServer((incoming, outgoing) => {
    const exchange = new Exchange(incoming, outgoing, { clientAddress: '192.0.2.1', takesInterimReplies: false })
    const span = tracing.begin({}, '')
    serveGit(exchange, parseGitRequest(incoming), span, newRecord(), parts).catch((error) =>
      exchange.refuse(Refusal.from(error)),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    admitted,
    [Symbol.dispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

test('however a repository is addressed, its host and its limits are looked up by one name', async () => {
  using stage = await withoutHosts()
  for (const name of ['team/r', 'team/r.git', 'team/r/.git', 'team/r.git.git']) {
    await ask(stage.address, `/${name}/info/refs?service=git-upload-pack`)
  }
  assert.deepEqual(
    stage.asked,
    stage.asked.map(() => ({ repository: 'team/r', purpose: 'read', client: 'user ann' })),
  )
  assert.deepEqual(stage.admitted, Array(4).fill('user ann team/r'))
})

test('a push and its advertisement go to a host where the repository may be written', async () => {
  using stage = await withoutHosts()
  await ask(stage.address, '/r.git/info/refs?service=git-receive-pack')
  for (const service of ['receive-pack', 'upload-pack']) {
    const headers = { 'Content-Type': `application/x-git-${service}-request` }
    await ask(stage.address, `/r.git/git-${service}`, { method: 'POST', headers, body: '0000' })
  }
  assert.deepEqual(
    stage.asked.map(({ purpose }) => purpose),
    ['write', 'write', 'read'],
  )
})
