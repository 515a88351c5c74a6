import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { git } from '@sluice/shared/testing/git'
import { beginFetch, largeRepository } from '@sluice/shared/testing/requests'
import { startStack } from '@sluice/shared/testing/stack'
import type { LogLine } from '@sluice/shared/testing/app'
import { until } from '@sluice/shared/testing/until'

/*
 * How long after a client's disconnect its processes are signalled, and how long until none of them lives. Other clones
 * run meanwhile. It is measured with real git, which obeys SIGTERM, and with a program that does not.
 */

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, concurrency: { type: 'string', default: '8' } },
})
const rounds = Number(options.rounds)
const concurrency = Number(options.concurrency)

const stubborn = fileURLToPath(new URL('../test/fixtures/ignores-sigterm.sh', import.meta.url))

const obeying = await measure({})
const ignoring = await measure({ SLUICE_GIT: stubborn })
const rows = [
  { what: 'SIGTERM', target: 'below 100 ms', times: obeying.map(({ toSignal }) => toSignal) },
  {
    what: 'an empty session, where git obeys SIGTERM',
    target: 'below 1 s',
    times: obeying.map(({ toEmpty }) => toEmpty),
  },
  { what: 'an empty session, where it does not', target: 'below 7 s', times: ignoring.map(({ toEmpty }) => toEmpty) },
]
console.log('| from a client’s disconnect to | median | worst | target |')
console.log('| --- | ---: | ---: | --- |')
for (const { what, target: wanted, times } of rows) {
  const sorted = times.toSorted((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)]!
  console.log(`| ${what} | ${median.toFixed(0)} ms | ${sorted.at(-1)!.toFixed(0)} ms | ${wanted} |`)
}

type Times = { readonly toSignal: number; readonly toEmpty: number }

async function measure(env: Record<string, string>): Promise<Times[]> {
  await using stack = await startStack(env)
  const repository = join(stack.root, 'project.git')
  await mkdir(repository)
  await largeRepository(repository)
  const want = await git(repository, ['rev-parse', 'main'])
  const times: Times[] = []
  for (let round = 0; round < rounds; round++) {
    times.push(...(await Promise.all(Array.from({ length: concurrency }, (_, index) => one(`${round}-${index}`)))))
  }
  return times

  async function one(id: string): Promise<Times> {
    const reply = await beginFetch(stack.gateway.address, 'project.git', want, { 'X-Request-Id': id })
    await once(reply, 'data')
    const left = performance.now()
    reply.destroy()
    const gone = await until(
      'the host to see it',
      () => lineOf(stack.gateway.lines, id) && performance.now() - left,
      20_000,
    )
    // The host's line is logged when the session is empty.
    const line = await until('its line in the log', () => lineOf(stack.supervisor.lines, id), 20_000)
    return { toSignal: gone + Number(line['signalledAfterMs'] ?? 0), toEmpty: performance.now() - left }
  }
}

function lineOf(lines: LogLine[], id: string): LogLine | undefined {
  return lines.find((line) => line['requestId'] === id)
}
