import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { describe, test } from 'node:test'
import { until } from '@sluice/shared/testing/until'
import { coordinatorWith } from './coordinator-with.ts'
import { watchOf } from './contract.ts'
import { event, fakeMember, found, header, message, refuse } from './fake-member.ts'
import type { Asked, Behaviour } from './fake-member.ts'

const created = message(5, { created: true })
const events = (revision: number, ...list: readonly object[]) => message(revision, { events: list })

/** Answers watches one after the other, and everything else as a member whose keys are all of revision 5. */
function watched(...watches: readonly ((outgoing: ServerResponse, asked: Asked) => void)[]): Behaviour {
  let next = 0
  return (asked, outgoing) => {
    if (asked.path === '/v3/watch') watches[Math.min(next++, watches.length - 1)]!(outgoing, asked)
    else if ('count_only' in asked.body) outgoing.end(JSON.stringify(header(100)))
    else outgoing.end(JSON.stringify(found(5, { '/a': 'old' })))
  }
}

const startRevision = ({ body }: Asked) => (body as unknown as Created).create_request.start_revision
type Created = { readonly create_request: { readonly start_revision: string } }

/** What goes wrong after the change of revision 6. */
const breaks: Readonly<Record<string, (outgoing: ServerResponse) => void>> = {
  'is cut off': (outgoing) => outgoing.destroy(),
  'ends it': (outgoing) => outgoing.end(),
  'brings garbage': (outgoing) => outgoing.write('}}}garbage'),
  'brings what is no event': (outgoing) => outgoing.write(events(7, { kv: { key: 5 } })),
  'brings keys of others': (outgoing) => outgoing.write(events(7, event('other', 'x', 7))),
  'loses its leader': (outgoing) =>
    outgoing.write(`${JSON.stringify({ error: { grpc_code: 14, message: 'etcdserver: no leader' } })}\n`),
  'cancels it': (outgoing) => outgoing.write(message(7, { canceled: true })),
  'brings half of what belongs together': (outgoing) => {
    outgoing.write(message(7, { fragment: true, events: [event('/a', 'half', 7)] }))
    outgoing.destroy()
  },
}

describe('a watch over etcd', () => {
  for (const [name, breakOff] of Object.entries(breaks)) {
    test(`goes on after the last change when the member ${name}`, async () => {
      const begun = Promise.withResolvers<ServerResponse>()
      await using member = await fakeMember(
        watched(
          (outgoing) => {
            outgoing.write(created + events(6, event('/a', '6', 6)))
            begun.resolve(outgoing)
          },
          (outgoing) => outgoing.write(created + events(8, event('/b', '7', 7), event('/a', undefined, 8))),
        ),
      )
      await using coordinator = await coordinatorWith([member])
      using watch = watchOf(coordinator, '/')
      assert.deepEqual(await watch.next(), {
        kind: 'all',
        revision: 5,
        entries: [{ key: '/a', value: 'old', revision: 5 }],
      })
      assert.equal((await watch.next()).revision, 6)
      breakOff(await begun.promise)
      assert.deepEqual(
        (await watch.changesUntil(({ revision }) => revision === 8)).map(({ revision, value }) => [revision, value]),
        [
          [7, '7'],
          [8, undefined],
        ],
      )
      const starts = member.asked.filter(({ path }) => path === '/v3/watch').map(startRevision)
      assert.deepEqual(starts, ['6', '7'])
    })
  }

  const gaps: Readonly<Record<string, Behaviour>> = {
    'its changes were compacted': watched(
      (outgoing) => outgoing.write(created + message(9, { canceled: true, compact_revision: '9' })),
      (outgoing) => outgoing.write(created),
    ),
    'etcd was restored': (asked, outgoing) => {
      if ('count_only' in asked.body) outgoing.end(JSON.stringify(header(4)))
      else watched((out) => out.write(created))(asked, outgoing)
    },
  }
  for (const [name, behave] of Object.entries(gaps)) {
    test(`brings all keys again when ${name}`, async () => {
      await using member = await fakeMember(behave)
      await using coordinator = await coordinatorWith([member])
      using watch = watchOf(coordinator, '/')
      assert.deepEqual([(await watch.next()).kind, (await watch.next()).kind], ['all', 'all'])
    })
  }

  test('brings what came in fragments together, and large messages in parts that end with a revision', async () => {
    const many = Array.from({ length: 5000 }, (_, index) =>
      event(`/${index}`, 'x'.repeat(100), 7 + Math.floor(index / 100)),
    )
    await using member = await fakeMember(
      watched((outgoing) => {
        outgoing.write(created)
        outgoing.write(message(6, { fragment: true, events: [event('/a', '1', 6)] }))
        outgoing.write(message(6, { events: [event('/b', '{"[\\"', 6)] }))
        // As 3.6 writes it: with spaces.
        outgoing.write(events(57, ...many).replaceAll(/([,:[{])"/g, '$1 "'))
      }),
    )
    await using coordinator = await coordinatorWith([member])
    using watch = watchOf(coordinator, '/')
    await watch.next()
    const first = await watch.next()
    assert.deepEqual(first.kind === 'changes' && first.changes.map(({ value }) => value), ['1', '{"[\\"'])
    const sizes: number[] = []
    for (let last = 6; last < 56;) {
      const part = await watch.next()
      assert.ok(part.kind === 'changes' && part.changes[0]!.revision === last + 1)
      last = part.revision
      sizes.push(part.changes.length)
    }
    assert.deepEqual(
      sizes,
      Array.from({ length: 10 }, () => 500),
    )
  })

  test('lets others have the event loop, however much a message has', async () => {
    const many = Array.from({ length: 20_000 }, (_, index) => event(`/${index}`, 'x'.repeat(100), 6 + index))
    const text = created + events(30_000, ...many)
    await using member = await fakeMember(watched((outgoing) => outgoing.write(text)))
    await using coordinator = await coordinatorWith([member])
    using watch = watchOf(coordinator, '/')
    await watch.next()
    await watch.next()
    let turns = 0
    const counting = setInterval(() => turns++)
    const changes = await watch.changesUntil(({ key }) => key === '/19999')
    clearInterval(counting)
    assert.ok(changes.length > 19_000)
    assert.ok(turns >= 3, `${turns} turns of the event loop`)
  })

  test('asks for a new token when the member does not take the one that it has', async () => {
    await using member = await fakeMember((asked, outgoing) => {
      if (asked.path === '/v3/watch')
        outgoing.write(message(5, { created: true, canceled: true, cancel_reason: 'etcdserver: permission denied' }))
      else watched()(asked, outgoing)
    })
    await using coordinator = await coordinatorWith([member])
    using watch = watchOf(coordinator, '/')
    await watch.next()
    const asking = watch.next()
    asking.catch(() => {})
    while (member.asked.filter(({ path }) => path === '/v3/watch').length < 3) await new Promise(setImmediate)
  })
})

test('a refusal of a watch is told as such', async () => {
  await using member = await fakeMember(({ path, body }, outgoing) => {
    if (path === '/v3/watch') refuse(outgoing, 503, 14, 'etcdserver: no leader')
    else watched()({ path, body, token: undefined }, outgoing)
  })
  await using other = await fakeMember(watched((outgoing) => outgoing.write(created + events(6, event('/a', '6', 6)))))
  await using coordinator = await coordinatorWith([member, other])
  using watch = watchOf(coordinator, '/')
  await watch.next()
  assert.equal((await watch.next()).revision, 6)
})

test('all watches at one member leave it when it hangs, after one question for all of them', async () => {
  let asked = 0
  await using member = await fakeMember(watched((outgoing) => outgoing.write(created)))
  await using other = await fakeMember(watched((outgoing) => outgoing.write(created + events(6, event('/a', '6', 6)))))
  await using coordinator = await coordinatorWith([member, other])
  const watches = Array.from({ length: 4 }, () => watchOf(coordinator, '/'))
  using parts = new DisposableStack()
  const [first, ...others] = watches.map((watch) => parts.use(watch))
  for (const watch of watches) await watch.next()
  const opened = () => member.asked.filter(({ path }) => path === '/v3/watch').length
  const changes = watches.map((watch) => watch.next())
  await until('all to be opened', () => opened() === watches.length)
  // One that ends takes the question away from none of the others.
  changes[0]!.catch(() => {})
  first![Symbol.dispose]()
  const { behave } = member
  member.behave = (question, outgoing) => {
    if ('count_only' in question.body) asked++
    else behave(question, outgoing)
  }
  for (const change of changes.slice(1)) assert.equal((await change).revision, 6)
  assert.deepEqual([asked, others.length], [1, 3])
})
