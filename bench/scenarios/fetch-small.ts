import { capabilities, fetch, lsRefs } from '../load/git-request.ts'
import { commitsOf, largeRefs } from '../repositories/cache.ts'
import { rate } from './rate.ts'
import { Sequence } from './sequence.ts'
import type { Scenario } from './scenario.ts'

const clients = 8
const haves = 16

/** A prime that does not divide the length of a history, so that successive fetches are far apart in it. */
const stride = 7919

/** The three requests of a fetch of a few new commits. No two fetches are alike. */
export const fetchSmall: Scenario = {
  name: 'fetch-small',
  figures: [{ name: 'fetch-small', unit: `fetches/s, ${clients} clients`, better: 'more' }],
  mostRounds: Infinity,
  warmsUp: true,
  async prepare({ repositories: { root, large } }) {
    const commits = await commitsOf(root, large)
    const span = commits.length - 2 * haves
    const sequence = new Sequence()
    const advertisement = capabilities(large)
    const refs = lsRefs(large, largeRefs)
    return (contestant, turn) =>
      rate(
        'fetch-small',
        clients,
        3,
        async (client) => {
          const number = sequence.next(contestant)
          const want = 2 * haves + ((number * stride) % span)
          const behind = 1 + ((number + Math.floor(number / span)) % haves)
          const have = commits.slice(want - behind - haves + 1, want - behind + 1).toReversed()
          await client.ask(advertisement)
          await client.ask(refs)
          await client.ask(fetch({ repository: large, want: commits[want]!, have, atLeast: 1000 }))
        },
        contestant,
        turn,
      )
  },
}
