import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ConfigError } from '@sluice/shared/config/config-error'
import type { Machine } from '@sluice/shared/machine/machine'
import { chooseSizes } from '../../src/capacity/sizing.ts'
import type { SizingConfig } from '../../src/capacity/sizing.ts'

const MiB = 2 ** 20

const auto: SizingConfig = {
  fetchSlots: 'auto',
  pushSlots: 'auto',
  pushAdvertisementSlots: 'auto',
  jobSlots: 'auto',
  maxConnections: 'auto',
  warmWorkers: 4,
  packThreads: 4,
  packWindowMemory: 256 * MiB,
}

const large: Machine = {
  cores: 4,
  memoryBytes: 64 * 1024 * MiB,
  memoryFrom: 'the machine',
  processes: { limit: 100_000, used: 300, from: 'kernel.threads-max' },
  descriptors: { limit: 524_288 },
}

const pids = (limit: number, used = 11) => ({ ...large, processes: { limit, used, from: 'pids.max of /a' } })
const memory = (mebibytes: number) => ({ ...large, memoryBytes: mebibytes * MiB, memoryFrom: 'memory.max of /a' })
const descriptors = (limit: number) => ({ ...large, descriptors: { limit } })

function problemsOf(config: Partial<SizingConfig>, machine: Machine): readonly string[] {
  try {
    chooseSizes({ ...auto, ...config }, machine, 'launcher')
    return []
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.problems
  }
}

describe('what is left open', () => {
  test('follows from the cores where nothing is short', () => {
    const { sizes, warnings, why } = chooseSizes(auto, large, 'launcher')
    assert.deepEqual(sizes, {
      fetchSlots: 32,
      pushSlots: 16,
      pushAdvertisementSlots: 16,
      jobSlots: 8,
      maxConnections: 10_000,
      warmWorkers: 4,
    })
    assert.deepEqual(warnings, [])
    assert.match(why, /32 × fetch.*4 cores$/)
  })

  test('warm workers are as many as fetches, up to a number that the runtime decides', () => {
    const warmOf = (config: Partial<SizingConfig>, machine: Machine, runtime: 'launcher' | 'node') =>
      chooseSizes({ ...auto, warmWorkers: 'auto', ...config }, machine, runtime).sizes.warmWorkers
    assert.equal(warmOf({}, large, 'launcher'), 16)
    assert.equal(warmOf({}, large, 'node'), 4)
    assert.equal(warmOf({}, { ...large, cores: 1 }, 'launcher'), 8)
    assert.equal(warmOf({ fetchSlots: 3 }, large, 'launcher'), 3)
    const { sizes, warnings } = chooseSizes({ ...auto, warmWorkers: 'auto' }, pids(100), 'launcher')
    assert.equal(sizes.warmWorkers, sizes.fetchSlots)
    assert.deepEqual(warnings, [])
  })

  for (const [what, machine, needed] of [
    ['processes', pids(200), /^(\d+) of 200/],
    ['memory', memory(2048), /^(\d+) MiB of 2048/],
  ] as const) {
    test(`shrinks in proportion where there is too little of ${what}, to four fifths of what is free`, () => {
      const { sizes, why, facts, warnings } = chooseSizes(auto, machine, 'launcher')
      assert.equal(Math.floor(sizes.fetchSlots / 2), sizes.pushSlots)
      assert.equal(sizes.pushSlots, sizes.pushAdvertisementSlots)
      const [, need] = needed.exec(String(facts[what])) ?? []
      const limit = what === 'memory' ? 2048 : 200
      assert.ok(Number(need) <= limit * 0.8, `${need} of ${limit}`)
      assert.ok(Number(need) > limit * 0.6, `${need} of ${limit}`)
      assert.match(why, /of \/a leaves/)
      assert.deepEqual(warnings, [])
    })
  }

  test('counts what others have of the processes, but not the supervisor itself', () => {
    const ownOnly = chooseSizes(auto, pids(200, 11), 'launcher').sizes.fetchSlots
    assert.equal(chooseSizes(auto, pids(200, 0), 'launcher').sizes.fetchSlots, ownOnly)
    assert.ok(chooseSizes(auto, pids(200, 100), 'launcher').sizes.fetchSlots < ownOnly)
  })

  test('is at least one of each', () => {
    const { sizes } = chooseSizes(auto, memory(200), 'launcher')
    assert.deepEqual([sizes.fetchSlots, sizes.pushSlots, sizes.pushAdvertisementSlots, sizes.jobSlots], [1, 1, 1, 1])
  })

  test('makes room for what is set', () => {
    const { sizes, warnings } = chooseSizes({ ...auto, pushSlots: 15 }, pids(300), 'launcher')
    assert.equal(sizes.pushSlots, 15)
    assert.ok(sizes.fetchSlots < chooseSizes(auto, pids(300), 'launcher').sizes.fetchSlots)
    assert.deepEqual(warnings, [])
  })

  test('is fewer on Node, whose workers have more threads', () => {
    const onNode = chooseSizes(auto, pids(300), 'node').sizes
    assert.ok(onNode.fetchSlots < chooseSizes(auto, pids(300), 'launcher').sizes.fetchSlots)
  })

  test('is more with fewer threads for each git', () => {
    const { sizes } = chooseSizes({ ...auto, packThreads: 1 }, pids(300), 'launcher')
    assert.ok(sizes.fetchSlots > chooseSizes(auto, pids(300), 'launcher').sizes.fetchSlots)
  })

  test('a small window for deltas takes less memory than git fills in most repositories', () => {
    const { sizes } = chooseSizes({ ...auto, packWindowMemory: MiB }, memory(2048), 'launcher')
    assert.ok(sizes.fetchSlots > chooseSizes(auto, memory(2048), 'launcher').sizes.fetchSlots)
  })

  test('connections get what slots leave of the descriptors, which is about half at least', () => {
    for (const cores of [2, 64]) {
      const { sizes, facts, warnings } = chooseSizes(auto, { ...descriptors(1024), cores }, 'launcher')
      assert.ok(sizes.maxConnections >= 400, `${sizes.maxConnections}`)
      assert.equal(facts['descriptors'], '1024 of 1024')
      assert.deepEqual(warnings, [])
    }
  })
})

describe('what is set', () => {
  test('is kept, with a warning where it is likely to be too much', () => {
    const config = { ...auto, fetchSlots: 40 }
    const { sizes, warnings } = chooseSizes(config, pids(200), 'launcher')
    assert.equal(sizes.fetchSlots, 40)
    assert.equal(warnings.length, 1)
    assert.match(warnings[0] ?? '', /^SLUICE_FETCH_SLOTS=40, .*SLUICE_PACK_THREADS=4 may be too much/)
    assert.match(warnings[0] ?? '', / \d{3} processes and threads, and pids\.max of \/a leaves 200 /)
  })

  test('is refused where a worker and one git in each slot would be too much', () => {
    const [problem, ...others] = problemsOf({ fetchSlots: 100 }, pids(200))
    assert.deepEqual(others, [])
    assert.match(problem ?? '', /^SLUICE_FETCH_SLOTS=100, SLUICE_WARM_WORKERS=4 cannot work/)
    assert.match(problem ?? '', /takes 221 processes and threads, and pids\.max of \/a allows 200 /)
  })

  test('is not refused for what others happen to have at the start', () => {
    assert.deepEqual(problemsOf({ fetchSlots: 40 }, pids(200, 190)), [])
  })

  test('too little memory is refused and warned about alike', () => {
    assert.match(problemsOf({ pushSlots: 400 }, memory(512))[0] ?? '', /SLUICE_PUSH_SLOTS=400.*of memory/)
    const { warnings } = chooseSizes({ ...auto, pushSlots: 50 }, memory(2048), 'launcher')
    assert.match(warnings[0] ?? '', /SLUICE_PUSH_SLOTS=50.*of memory, and memory\.max of \/a leaves 2048 MiB/)
  })

  test('so are too few descriptors', () => {
    assert.match(
      problemsOf({ maxConnections: 2000 }, descriptors(1024))[0] ?? '',
      /SLUICE_MAX_CONNECTIONS=2000.*ulimit/,
    )
    const slots = { fetchSlots: 40, pushSlots: 1, pushAdvertisementSlots: 1, jobSlots: 1 }
    const { sizes, warnings } = chooseSizes({ ...auto, ...slots, maxConnections: 750 }, descriptors(1024), 'launcher')
    assert.equal(sizes.maxConnections, 750)
    assert.match(warnings[0] ?? '', /SLUICE_MAX_CONNECTIONS=750.*leaves 1024 descriptors/)
  })

  test('where nobody knows a limit, nothing is too much', () => {
    const unknown: Machine = {
      ...large,
      memoryBytes: Infinity,
      processes: { limit: undefined, used: 0, from: 'nothing' },
      descriptors: { limit: undefined },
    }
    const { sizes, warnings } = chooseSizes({ ...auto, fetchSlots: 10_000, maxConnections: 1_000_000 }, unknown, 'node')
    assert.deepEqual([sizes.fetchSlots, sizes.maxConnections, warnings], [10_000, 1_000_000, []])
  })
})
