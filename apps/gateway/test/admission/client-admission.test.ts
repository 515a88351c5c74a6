import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { until } from '@sluice/shared/testing/until'
import { ClientAdmission } from '../../src/admission/client-admission.ts'

const never = new AbortController().signal
const isRefusal = (reason: string) => (error: unknown) =>
  error instanceof Refusal && error.reason === reason && error.status === 429 && error.headers['Retry-After'] === '1'

test('a client has a limited number of requests at work and waiting, and the next is refused; another client’s is not', async () => {
  const clients = new ClientAdmission({ clientRequests: 2, clientQueue: 1, queueTimeout: 10_000 })
  const held = [await clients.admit('a', 'r', never), await clients.admit('a', 'r', never)]
  const waiting = clients.admit('a', 'r', never)
  await assert.rejects(clients.admit('a', 'r', never), isRefusal('client_full'))
  using _other = await clients.admit('b', 'r', never)
  assert.equal(clients.waiting, 1)
  held[0]![Symbol.dispose]()
  await waiting
})

test('a request that waits too long is refused', async () => {
  const clients = new ClientAdmission({ clientRequests: 1, clientQueue: 1, queueTimeout: 10 })
  await clients.admit('a', 'r', never)
  await assert.rejects(clients.admit('a', 'r', never), isRefusal('client_late'))
})

test('a client is forgotten when it has no more requests, however they ended', async () => {
  const clients = new ClientAdmission({ clientRequests: 1, clientQueue: 0, queueTimeout: 10 })
  for (let n = 0; n < 1000; n++) (await clients.admit(`client ${n}`, 'r', never))[Symbol.dispose]()
  const held = await clients.admit('busy', 'r', never)
  await assert.rejects(clients.admit('busy', 'r', never))
  await assert.rejects(clients.admit('gone', 'r', AbortSignal.abort(new Refusal('client_gone'))))
  await until('the others to be forgotten', () => clients.size === 1)
  held[Symbol.dispose]()
  await until('all to be forgotten', () => clients.size === 0)
})
