import assert from 'node:assert/strict'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { ReferenceCache } from '../../../src/cache/references/reference-cache.ts'
import { parseProtocolV2 } from '../../../src/git/protocol-v2.ts'
import { packKeyOf } from '../../../src/cache/packs/pack-key.ts'
import { untilClockTicks } from '../../support/clock-tick.ts'
import { readFetched } from '../../support/fetched-pack.ts'
import { replyOf, commandOf } from '../../support/git-replies.ts'
import type { Asked } from '../../support/git-replies.ts'
import { ObjectChanges } from '../../support/object-changes.ts'
import { ChangingRepository } from '../../support/ref-changes.ts'
import { SeededRandom, testSeed } from '@sluice/shared/testing/seeded-random'

const seed = testSeed(1)
const roundsInAll = Number(process.env['CACHE_TEST_ROUNDS'] ?? 600)
const repositories = 3

test(`whatever is done to a repository, a shared pack is what git would send (seed ${seed})`, async (t) => {
  const counts = { asked: 0, shared: 0, made: 0, refused: 0 }
  const runs = Array.from({ length: repositories }, (_, index) => run(new SeededRandom(seed + index), counts))
  await Promise.all(runs)
  t.diagnostic(JSON.stringify(counts))
  assert.ok(counts.shared > counts.asked / 10, 'a useful share is shared')
  assert.ok(counts.made > counts.asked / 5, 'as a rule there is something that could be stale')
})

async function run(random: SeededRandom, counts: Record<'asked' | 'shared' | 'made' | 'refused', number>) {
  await using folder = await temporaryFolder()
  using repository = await ChangingRepository.create(folder.path, random)
  const objects = new ObjectChanges(folder.path, random, repository)
  const { gitDir } = repository
  // Ahead by more than the racy window. `untilClockTicks` makes sure that no two changes are in one tick.
  using cache = new ReferenceCache({ now: () => Date.now() + 5000 })
  const made = new Map<string, { readonly state: number; readonly reply: Buffer }>()
  const history: string[] = []
  const own = Array.from({ length: 4 }, () => fetchOf(repository.commits, random))
  const requests = [...own, ...[1, 2].map(() => fetchOf([repository.lent], random))]

  const change = async () => {
    history.push(await (random.chance(0.5) ? repository : objects).change())
  }

  const ask = async (asked: Asked, meanwhile: () => Promise<void>) => {
    counts.asked++
    const key = packKeyOf(asked.request, gitDir, asked.body && parseProtocolV2(asked.body), 'build')
    assert.ok(key !== undefined, asked.name)
    const state = cache.stateOf(gitDir)
    const known = made.get(key)
    if (known && known.state === state) {
      counts.shared++
      return same(asked, known.reply, await replyOf(asked, gitDir), history)
    }
    const [reply] = await Promise.all([replyOf(asked, gitDir), meanwhile()])
    if (!reply) counts.refused++
    else if (state !== undefined) {
      counts.made++
      made.set(key, { state, reply })
    }
  }

  for (let round = 0; round < roundsInAll / repositories; round++) {
    for (let count = random.pick([0, 0, 1, 1, 2]); count > 0; count--) await change()
    await untilClockTicks(folder.path)
    const asked = random.pick(requests)
    await ask(asked, random.chance(0.1) ? change : nothing)
    await untilClockTicks(folder.path)
    if (random.chance(0.5)) await change()
    await untilClockTicks(folder.path)
    await ask(asked, nothing)
  }
}

const nothing = async () => {}

async function same(asked: Asked, shared: Buffer, own: Buffer | undefined, history: readonly string[]): Promise<void> {
  if (own?.equals(shared)) return
  const what = `seed ${seed}: ${asked.name} after ${history.slice(-5).join(', ')}`
  assert.ok(own, `${what}: git refuses it, and this is shared: ${shared.toString('latin1', 0, 500)}`)
  assert.deepEqual(await readFetched(shared), await readFetched(own), what)
}

/** A random fetch of some commits, as clients send them. */
function fetchOf(commits: readonly string[], random: SeededRandom): Asked {
  const some = (word: string, most: number) =>
    Array.from({ length: Math.floor(random.next() * most) }, () => `${word} ${random.pick(commits)}`)
  const sometimes = (probability: number, ...lines: string[]) => (random.chance(probability) ? lines : [])
  const filters = [
    'blob:none',
    'blob:limit=20',
    'tree:1',
    'object:type=commit',
    'combine:blob:none+tree:0',
    'combine:tree:2+combine:blob:limit=1k%2bobject:type=tree',
    `sparse:oid=${random.pick(commits)}`,
  ]
  return commandOf('fetch', [
    `want ${random.pick(commits)}`,
    ...some('want', 2),
    ...some('have', 2),
    ...some('shallow', 2),
    ...sometimes(0.6, 'include-tag'),
    ...sometimes(0.5, 'ofs-delta'),
    'no-progress',
    ...random.pick([[], [], ['deepen 1'], ['deepen 3'], ['deepen-since 1578182400']]),
    ...sometimes(0.3, `filter ${random.pick(filters)}`),
    ...random.pick([['done'], ['done'], ['done'], ['wait-for-done']]),
  ])
}
