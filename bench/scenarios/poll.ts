import { capabilities, lsRefs, refAdvertisement } from '../load/git-request.ts'
import { manyRefs, smallRefs } from '../repositories/cache.ts'
import { rate } from './rate.ts'
import type { Scenario } from './scenario.ts'

const clients = 8

/** A `git fetch` that finds nothing new: capabilities, then ls-refs. */
export const poll = pollOf('poll', `polls/s, ${clients} clients`, async ({ repositories }) => {
  return [capabilities(repositories.small), lsRefs(repositories.small, smallRefs)]
})

/** The same for a repository with very many refs. */
export const pollManyRefs = pollOf('poll-refs', `polls/s of ${manyRefs} refs`, async ({ repositories }) => {
  return [capabilities(repositories.refs), lsRefs(repositories.refs, manyRefs)]
})

/** The same as an old client does it: one request, and a reply with all refs. */
export const pollVersion0 = pollOf('poll-v0', `polls/s, ${clients} clients`, async ({ repositories }) => {
  return [refAdvertisement('upload-pack', repositories.small, smallRefs)]
})

function pollOf(
  name: string,
  unit: string,
  requestsOf: (setting: Parameters<Scenario['prepare']>[0]) => Promise<readonly ReturnType<typeof capabilities>[]>,
): Scenario {
  return {
    name,
    figures: [{ name, unit, better: 'more' }],
    mostRounds: Infinity,
    warmsUp: true,
    async prepare(setting) {
      const requests = await requestsOf(setting)
      return (contestant, turn) =>
        rate(
          name,
          clients,
          requests.length,
          async (client) => {
            for (const request of requests) await client.ask(request)
          },
          contestant,
          turn,
        )
    },
  }
}
