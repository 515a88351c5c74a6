import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { ask, target } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { App } from '@sluice/shared/testing/app'
import { until } from '@sluice/shared/testing/until'

/** A load balancer needs a while to notice that a gateway is about to stop. Until then, it sends requests. */

const path = '/project.git/info/refs?service=git-receive-pack'

async function startDraining(gateway: App): Promise<void> {
  gateway.signal('SIGTERM')
  await gateway.line((line) => line['msg'] === 'draining')
}

test('a gateway that stops is unready, and goes on serving; a second signal cuts the delay short', async () => {
  await using stack = await startStack({}, { gateway: { SLUICE_DRAIN_DELAY: '1h' } })
  const { gateway } = stack
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const over = async (): Promise<IncomingMessage> => {
    const sent = request({ ...target(gateway.address), path, agent }).end()
    const [reply] = (await once(sent, 'response')) as [IncomingMessage]
    reply.resume()
    await once(reply, 'end')
    return reply
  }
  // The connection is kept, which is the default of HTTP/1.1.
  assert.equal((await over()).headers.connection, undefined)
  await startDraining(gateway)
  const ready = await ask(gateway.address, '/readyz')
  assert.deepEqual([ready.status, /draining/.test(ready.body)], [503, true])
  // The open connection serves one more request, and is closed with its reply.
  const last = await over()
  assert.deepEqual([last.statusCode, last.headers.connection], [200, 'close'])
  assert.equal((await ask(gateway.address, path)).status, 200)
  agent.destroy()
  // Two signals within 100 ms count as one.
  await pause(200)
  gateway.signal('SIGTERM')
  assert.equal(await gateway.exited, 0)
})

test('a gateway takes no more when its delay is over', async () => {
  await using stack = await startStack({}, { gateway: { SLUICE_DRAIN_DELAY: '300ms' } })
  const { gateway } = stack
  await startDraining(gateway)
  await until('it to take no more', () =>
    ask(gateway.address, '/healthz').then(
      () => false,
      () => true,
    ),
  )
  assert.equal(await gateway.exited, 0)
})
