import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Reach } from '../../src/hosts/placement.ts'
import { readinessOfGateway } from '../../src/start/readiness.ts'

/** The readiness of a gateway with these hosts. */
async function readiness({ reach, isLeaving = false }: { reach: Reach; isLeaving?: boolean }) {
  const ready = await readinessOfGateway({ isLeaving }, { reach: async () => reach }, { problem: undefined })()
  return [ready.status, ready.checks['host'], ready.reason]
}

test('a gateway is ready if it can serve all repositories, and unready if it can serve none', async () => {
  assert.deepEqual(await readiness({ reach: { share: 1, isEnough: true, problem: undefined, notes: {} } }), [
    'ok',
    'ok',
    undefined,
  ])
  const problem = 'no host answers'
  assert.deepEqual(await readiness({ reach: { share: 0, isEnough: false, problem, notes: {} } }), [
    'unavailable',
    problem,
    problem,
  ])
})

test('a gateway that can serve some repositories is ready, and says how many', async () => {
  assert.deepEqual(
    await readiness({
      reach: { share: 0.999, isEnough: true, problem: 'no answer from host-3', notes: {} },
    }),
    ['ok', '99% of all repositories can be served: no answer from host-3', undefined],
  )
})

test('a gateway that is leaving does not ask its hosts', async () => {
  const ready = await readiness({ reach: { share: 1, isEnough: true, problem: undefined, notes: {} }, isLeaving: true })
  assert.deepEqual(ready, ['unavailable', undefined, 'draining'])
})
