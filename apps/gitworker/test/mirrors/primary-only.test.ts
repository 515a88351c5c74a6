import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readMirrorsFile } from '@sluice/shared/config/mirrors/mirrors-file'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { until } from '@sluice/shared/testing/until'
import { Mirrors } from '../../src/mirrors/mirrors.ts'
import type { MirrorServices } from '../../src/mirrors/mirrors.ts'
import type { RunLongJob } from '../../src/process/job/long-job.ts'
import { recordLog } from '../support/recorded-log.ts'

/** In a cluster, each mirror is run by the primary of its repository alone. */

const mirrors = await readMirrorsFile(
  `mirrors:
  - {repository: mine, upstream: "https://upstream.test/mine", interval: 1h, refresh: on-fetch, wait: 1s}
  - {repository: other, upstream: "https://upstream.test/other", interval: 1h, refresh: on-fetch, wait: 1s}`,
  '/mirrors.yaml',
)
const never = new AbortController().signal

/** A look at an upstream that lasts until it is ended, and then says so. */
const looksForEver: RunLongJob = async (_args, options) => {
  options.signal?.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  options.signal?.addEventListener('abort', () => reject(options.signal?.reason as Error))
  return await promise
}

function servicesWith(folder: string, more: Pick<MirrorServices, 'isPrimaryOf' | 'hold'>): MirrorServices {
  const files = { folder, common: [], checkObjects: false, localFolder: undefined }
  // The rest is for what comes after the look.
  const reached = { root: folder, files, looking: () => looksForEver, fetching: () => looksForEver, hostSlots: 10 }
  return { ...reached, ...more } as unknown as MirrorServices
}

test('a host that is not the primary does not run a mirror, and a fetch does not wait for it', async () => {
  await using folder = await temporaryFolder()
  const held: string[] = []
  const services = servicesWith(folder.path, {
    isPrimaryOf: (repository) => repository === 'mine',
    hold: (repository) => void held.push(repository),
  })
  const { lines, log } = recordLog()
  await using all = new Mirrors(mirrors, services, log)
  await until('the first one to be tried', () => held.includes('mine'))
  await all.freshen('other', never)
  assert.deepEqual(lines, [], 'it would be told that a fetch has waited in vain')
  assert.deepEqual(new Set(held), new Set(['mine']))
  assert.deepEqual(
    all.all.map(({ phase }) => phase),
    ['resting', 'resting'],
    'not held, it is not run',
  )
})

test('a run holds its repository, and ends when the slot is handed over; the repository is free when it has ended', async () => {
  await using folder = await temporaryFolder()
  const giveWay: (() => void)[] = []
  let isHeld = false
  const services = servicesWith(folder.path, {
    isPrimaryOf: (repository) => repository === 'mine' && giveWay.length === 0,
    hold: (_repository, onGiveWay) => {
      giveWay.push(onGiveWay)
      isHeld = true
      return { [Symbol.dispose]: () => void (isHeld = false) }
    },
  })
  await using all = new Mirrors(mirrors, services, silentLog)
  await until('it to run', () => all.all[0]!.phase === 'looking')
  assert.ok(isHeld)
  giveWay[0]!()
  await until('its end', () => !isHeld)
  const [mine] = all.all
  assert.deepEqual([mine!.phase, mine!.failures], ['resting', 0], 'the upstream has done nothing wrong')
})
