import { fetch } from '../load/git-request.ts'
import { commitsOf, packBytesOf } from '../repositories/cache.ts'
import { Sequence } from './sequence.ts'
import type { Scenario } from './scenario.ts'

/** One clone of all that is below another commit each time, so that no contestant has it cached. */
export const cloneCold: Scenario = {
  name: 'clone-cold',
  figures: [{ name: 'clone-cold', unit: 'ms, one clone of large', better: 'less' }],
  mostRounds: 5,
  warmsUp: true,
  async prepare({ repositories: { root, large } }) {
    const commits = await commitsOf(root, large)
    const atLeast = (await packBytesOf(root, large)) * 0.9
    const sequence = new Sequence()
    return async (contestant) => {
      const want = commits.at(-1 - sequence.next(contestant))!
      using client = await contestant.open()
      const begin = performance.now()
      try {
        await client.ask(fetch({ repository: large, want, atLeast }))
        return { values: { 'clone-cold': performance.now() - begin }, requests: 1, errors: [] }
      } catch (error) {
        return { values: {}, requests: 1, errors: [(error as Error).message] }
      }
    }
  },
}
