import { setTimeout as sleep } from 'node:timers/promises'
import { capabilities } from '../load/git-request.ts'
import { quantile } from '../load/statistics.ts'
import type { Scenario } from './scenario.ts'

/** The pause between two requests, so that each meets an idle server. */
const pauseMs = 10

/** One client whose first request comes over a new connection each time. */
export const latency: Scenario = {
  name: 'latency',
  figures: [
    { name: 'latency p50', unit: 'ms, info/refs v2, 1 client', better: 'less' },
    { name: 'latency p95', unit: 'ms, info/refs v2, 1 client', better: 'less' },
  ],
  mostRounds: Infinity,
  warmsUp: true,
  async prepare({ repositories }) {
    const request = capabilities(repositories.small)
    return async (contestant, { seconds }) => {
      const deadline = performance.now() + seconds * 1000
      const times: number[] = []
      const errors: string[] = []
      while (performance.now() < deadline) {
        const begin = performance.now()
        try {
          using client = await contestant.open()
          await client.ask(request)
          times.push(performance.now() - begin)
        } catch (error) {
          errors.push((error as Error).message)
        }
        await sleep(pauseMs)
      }
      const values = { 'latency p50': quantile(times, 0.5), 'latency p95': quantile(times, 0.95) }
      return { values, requests: times.length, errors }
    }
  },
}
