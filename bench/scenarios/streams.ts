import { setTimeout as sleep } from 'node:timers/promises'
import { fetch } from '../load/git-request.ts'
import type { GitRequest } from '../load/git-request.ts'
import { SlowReader } from '../load/slow-reader.ts'
import type { Contestant, Server } from '../peers/contestant.ts'
import { memoryMiB } from '../peers/processes.ts'
import { bulkPackBytes } from '../repositories/bulk.ts'
import { bulkBranches, tipsOf } from '../repositories/cache.ts'
import { MemoryGrowth } from './memory-growth.ts'
import type { Sample, Scenario } from './scenario.ts'

const clients = bulkBranches
const quietWithinMs = 30_000

/** Slow readers of one pack, and what they cost a server while they read. */
export const streamsOfSame = streamsOf('streams-same', async (requests) => requests.map(() => requests[0]!))

/** Slow readers, no two of which read the same pack. */
export const streamsOfDifferent = streamsOf('streams-different', async (requests) => requests)

function streamsOf(
  name: string,
  choose: (requests: readonly GitRequest[]) => Promise<readonly GitRequest[]>,
): Scenario {
  return {
    name,
    figures: [
      { name: `${name}, flowing`, unit: `of ${clients} slow readers`, better: 'more' },
      { name: `${name}, server`, unit: 'MiB, growth of the server', better: 'less' },
      { name: `${name}, each`, unit: 'KiB of the server for each that flows', better: 'less' },
      { name: `${name}, with git`, unit: 'MiB, growth of all processes', better: 'less' },
    ],
    mostRounds: 3,
    warmsUp: false,
    serversOnly: true,
    async prepare({ repositories: { root, bulk }, quick }) {
      const tips = await tipsOf(root, bulk, 'branch-')
      const requests = await choose(tips.map((want) => fetch({ repository: bulk, want, atLeast: bulkPackBytes })))
      return ({ server }: Contestant) => measure(name, server!, requests, quick ? 2000 : 10_000)
    },
  }
}

async function measure(name: string, server: Server, requests: readonly GitRequest[], forMs: number): Promise<Sample> {
  const processesBefore = await server.allProcesses()
  const before = memoryMiB(processesBefore)
  const growth = await MemoryGrowth.of(server)
  const readers = requests.map((request) => new SlowReader(server.port, request))
  await sleep(forMs)
  const flowing = readers.filter(({ flows }) => flows).length
  const errors = readers.flatMap(({ error }) => error ?? [])
  const all = memoryMiB(await server.allProcesses()) - before
  const own = await growth.end()
  for (const reader of readers) reader[Symbol.dispose]()
  const left = await untilQuiet(server, processesBefore.length)
  return {
    values: {
      [`${name}, flowing`]: flowing,
      [`${name}, server`]: own,
      [`${name}, each`]: (own * 1024) / flowing,
      [`${name}, with git`]: all,
    },
    requests: readers.length,
    errors: [...errors, ...left],
  }
}

/** The next contestant must not pay for what this one still has to end. */
async function untilQuiet(server: Server, before: number): Promise<string[]> {
  const deadline = performance.now() + quietWithinMs
  // Servers keep some more processes ready after a burst.
  const slack = 16
  for (;;) {
    const now = (await server.allProcesses()).length
    if (now <= before + slack) return []
    if (performance.now() > deadline) return [`${now - before} processes lived on for ${quietWithinMs / 1000} s`]
    await sleep(100)
  }
}
