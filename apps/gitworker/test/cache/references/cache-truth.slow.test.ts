import assert from 'node:assert/strict'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { ReferenceCache } from '../../../src/cache/references/reference-cache.ts'
import type { CacheKey } from '../../../src/cache/references/cache-key.ts'
import { parseProtocolV2 } from '../../../src/git/protocol-v2.ts'
import { cacheKeyOf } from '../../../src/cache/references/cache-key.ts'
import { advertisement, replyOf, lsRefs } from '../../support/git-replies.ts'
import type { Asked } from '../../support/git-replies.ts'
import { untilClockTicks } from '../../support/clock-tick.ts'
import { ObjectChanges } from '../../support/object-changes.ts'
import { ChangingRepository } from '../../support/ref-changes.ts'
import { SeededRandom, testSeed } from '@sluice/shared/testing/seeded-random'

const seed = testSeed(1)
const changesInAll = Number(process.env['CACHE_TEST_CHANGES'] ?? 2000)
const repositories = 6

/** Shows all refs, what tags are peeled to, HEAD and its target, and what is shallow. */
const everything = advertisement('upload-pack')
const others = [
  advertisement('upload-pack', 'version=1'),
  advertisement('upload-pack', 'version=2'),
  advertisement('receive-pack'),
  lsRefs(['peel\n', 'symrefs\n', 'unborn\n']),
  lsRefs([]),
  lsRefs(['ref-prefix HEAD', 'symrefs', 'unborn']),
  lsRefs(['peel', 'ref-prefix refs/tags/\n', 'ref-prefix refs/heads/a']),
]

test(`whatever is done to a repository, a reply from the cache is what git replies (seed ${seed})`, async (t) => {
  const counts = { changes: 0, lookedUp: 0, answered: 0, kept: 0 }
  const runs = Array.from({ length: repositories }, (_, index) => run(new SeededRandom(seed + index), counts))
  await Promise.all(runs)
  t.diagnostic(JSON.stringify(counts))
  assert.ok(counts.answered > counts.lookedUp / 8, 'a useful share is answered')
  assert.ok(counts.kept > counts.lookedUp / 3, 'as a rule there is something that could be stale')
})

async function run(random: SeededRandom, counts: Record<'changes' | 'lookedUp' | 'answered' | 'kept', number>) {
  await using folder = await temporaryFolder()
  using repository = await ChangingRepository.create(folder.path, random)
  const objects = new ObjectChanges(folder.path, random, repository)
  const { gitDir } = repository
  // Ahead by more than the racy window. `untilClockTicks` makes sure that no two changes are in one tick.
  using cache = new ReferenceCache({ now: () => Date.now() + 5000 })
  const keyFor = ({ request, body }: Asked) =>
    cacheKeyOf(request, gitDir, body && parseProtocolV2(body), 'build') as CacheKey
  const history: string[] = []

  const change = async () => {
    counts.changes++
    history.push(await (random.chance(0.15) ? objects : repository).change())
  }
  /** @param meanwhile may change the repository while git answers */
  const look = async (asked: Asked, meanwhile: () => Promise<void>) => {
    counts.lookedUp++
    const known = cache.lookUp(keyFor(asked))
    const pending = known ? undefined : cache.prepareEntry(keyFor(asked))
    if (known) {
      counts.answered++
      const answer = await replyOf(asked, gitDir)
      assert.ok(answer?.equals(known), stale(asked, history, known, answer))
    } else if (pending) {
      const [answer] = await Promise.all([replyOf(asked, gitDir), meanwhile()])
      if (answer && pending.store(answer)) counts.kept++
    }
  }

  while (history.length < changesInAll / repositories) {
    for (let count = random.pick([0, 0, 0, 1, 1, 2, 18]); count > 0; count--) await change()
    await untilClockTicks(folder.path)
    await look(everything, nothing)
    await look(random.pick(others), random.chance(0.1) ? change : nothing)
    await untilClockTicks(folder.path)
  }
}

const nothing = async () => {}

function stale(asked: Asked, history: readonly string[], known: Buffer, answer: Buffer | undefined): string {
  const before = history.slice(-5).join(', ')
  return `seed ${seed}: ${asked.name} after ${before}:\n${known.toString()}\nbut git says:\n${answer?.toString()}`
}
