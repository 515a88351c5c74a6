import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { askMember } from '../../src/coordinator/etcd/members/ask-member.ts'
import { openConnection } from '../../src/coordinator/etcd/members/connection.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { standStill } from '../../testing/stand-still.ts'
import { until } from '../../testing/until.ts'
import { coordinatorWith } from './coordinator-with.ts'
import { fakeMember, header } from './fake-member.ts'

const never = new AbortController().signal
const question = { path: '/v3/kv/range', body: {}, token: undefined }

describe('an answer of etcd that came while this process stood still', () => {
  test('is taken, however long that was', async () => {
    await using member = await fakeMember((_asked, outgoing) => {
      outgoing.end(JSON.stringify(header(5)))
      // It is out by then. Timers that are due run next, and before anything is read.
      setImmediate(() => standStill(1000))
    })
    const { dispatcher } = await openConnection({}, silentLog)
    const answer = await askMember(dispatcher, member.endpoint, { ...question, timeoutMs: 500 }, never)
    await dispatcher.close()
    assert.deepEqual(answer, header(5))
  })

  test('counts for a lease from when it was asked for', async () => {
    const wasLive: boolean[] = []
    let keepalives = 0
    await using member = await fakeMember(({ path }, outgoing) => {
      const answer = { ...header(), TTL: '1' }
      outgoing.end(JSON.stringify(path === '/v3/lease/keepalive' ? { result: answer } : answer))
      if (path !== '/v3/lease/keepalive') return
      if (++keepalives === 1) setImmediate(() => standStill(1500))
      else if (keepalives === 2) wasLive.push(lease.isLive)
    })
    await using coordinator = await coordinatorWith([member])
    await using lease = await coordinator.grantLease(1000)
    await until('it to be renewed once more', () => keepalives > 1)
    assert.deepEqual(wasLive, [false])
    await until('it to be live again', () => lease.isLive)
  })
})

test('a member that says nothing is given up, though this process stood still again and again', async () => {
  await using member = await fakeMember(() => setImmediate(() => standStill(300)))
  const { dispatcher } = await openConnection({}, silentLog)
  const asking = askMember(dispatcher, member.endpoint, { ...question, timeoutMs: 200 }, never)
  await assert.rejects(asking, { kind: 'away', message: 'no answer within 200 ms', mayBeDone: true })
  await dispatcher.destroy()
})
