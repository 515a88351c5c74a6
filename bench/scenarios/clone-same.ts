import { allAtOnce } from '../load/at-once.ts'
import { fetch } from '../load/git-request.ts'
import { commitsOf, packBytesOf } from '../repositories/cache.ts'
import type { Scenario } from './scenario.ts'

const clones = 50

/** Many identical clones at once, as when all jobs of a pipeline start. */
export const cloneSame: Scenario = {
  name: 'clone-same',
  figures: [
    { name: 'clone-same', unit: `clones/s, ${clones} at once`, better: 'more' },
    { name: 'clone-same, all', unit: `ms until all ${clones} are done`, better: 'less' },
  ],
  mostRounds: 3,
  warmsUp: false,
  async prepare({ repositories: { root, popular } }) {
    const want = (await commitsOf(root, popular)).at(-1)!
    const request = fetch({ repository: popular, want, atLeast: (await packBytesOf(root, popular)) * 0.9 })
    return async (contestant) => {
      const open = () => contestant.open()
      const { done, seconds, errors } = await allAtOnce(clones, open, (client) => client.ask(request))
      const values = { 'clone-same': done / seconds, 'clone-same, all': seconds * 1000 }
      return { values, requests: clones, errors }
    }
  },
}
