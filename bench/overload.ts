import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { git } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import type { Reply } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { App } from '@sluice/shared/testing/app'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'
import { printFigures } from './figures.ts'
import type { Row } from './figures.ts'

/*
 * What happens to other clients under overload. A program that takes two seconds stands in for git. Ten times more
 * clients than slots come at once; then floods of one kind, or from one client, while another client sends requests.
 */

const { values: options } = parseArgs({ options: { slots: { type: 'string', default: '8' } } })
const slots = Number(options.slots)
const slow = fileURLToPath(new URL('takes-two-seconds.sh', import.meta.url))

const rows = [...(await tooMany()), ...(await floods()), ...(await oneClient())]
printFigures('under overload', rows)

async function tooMany(): Promise<Row[]> {
  const queue = 2 * slots
  await using stack = await start({ SLUICE_LARGEST_SHARE: '100%', SLUICE_QUEUE_LENGTH: String(queue) })
  // Warms up both applications: the first requests of a process cost more.
  for (let round = 0; round < 15; round++) {
    await Promise.all(Array.from({ length: 10 * slots }, () => fetchFrom(stack, 'not-there')))
  }
  const before = await memoryOf(stack)
  const answers = await Promise.all(Array.from({ length: 10 * slots }, () => timed(() => fetchFrom(stack, 'a'))))
  const after = await memoryOf(stack)
  const refused = answers.filter(({ reply }) => reply.status === 503)
  const served = answers.filter(({ reply }) => reply.status === 200)
  const inHost = stack.supervisor.lines.filter((line) => line['reason'] === 'queue_full')
  const inGateway = stack.gateway.lines.filter((line) => line['reason'] === 'queue_full')
  await until(
    'all to be logged',
    () => stack.supervisor.lines.filter((line) => 'waitedMs' in line).length >= slots + queue,
  )
  const waits = stack.supervisor.lines.map((line) => Number(line['waitedMs'] ?? 0))
  return [
    {
      what: `${10 * slots} clients at once, ${slots} slots, ${queue} may wait: served`,
      figure: `${served.length}, ${served.length + refused.length === answers.length ? 'all others 503' : 'NOT all others 503'}`,
      target: `${slots + queue}`,
    },
    {
      what: 'a refusal, in the host, median',
      figure: milliseconds(median(inHost.map((line) => Number(line['ms'])))),
      target: '–',
    },
    {
      what: 'a refusal, in the gateway, median',
      figure: milliseconds(median(inGateway.map((line) => Number(line['ms'])))),
      target: 'below 50 ms',
    },
    {
      what: `a refusal, as the client sees it, ${10 * slots} connections at once included, median`,
      figure: milliseconds(median(refused.map(({ ms }) => ms))),
      target: '–',
    },
    { what: 'gits at once, most', figure: String(await mostAtOnce(stack, 'a')), target: `${slots}` },
    { what: 'wait in the queue, longest', figure: milliseconds(Math.max(...waits)), target: 'below 30 s' },
    {
      what: 'memory of gateway and supervisor, growth',
      figure: `${mebibytes(after.gateway - before.gateway)} and ${mebibytes(after.supervisor - before.supervisor)}`,
      target: 'level',
    },
  ]
}

async function floods(): Promise<Row[]> {
  await using stack = await start({})
  const rowsOfFloods: Row[] = []
  const kinds = { 'fetches': fetchFrom, 'advertisements for pushes': advertisePush, 'pushes': pushTo }
  for (const [flood, ask1] of Object.entries(kinds).slice(0, 2)) {
    const under = Array.from({ length: 6 * slots }, () => ask1(stack, 'a'))
    for (const [other, ask2] of Object.entries(kinds).filter(([name]) => name !== flood)) {
      const { ms } = await timed(() => ask2(stack, 'a'))
      rowsOfFloods.push({
        what: `one of ${other} during a flood of ${flood} (2 s alone)`,
        figure: milliseconds(ms),
        target: 'below 4 s: one slot’s wait',
      })
    }
    await Promise.all(under)
  }
  return rowsOfFloods
}

async function oneClient(): Promise<Row[]> {
  await using stack = await start({ SLUICE_TRUSTED_PROXIES: '127.0.0.1' })
  const other = (repository: string) => timed(() => fetchFrom(stack, repository, '203.0.113.2'))
  const alone = (await other('a')).ms
  const under = Array.from({ length: 200 }, () => fetchFrom(stack, 'a', '203.0.113.1'))
  await until('the flood to run', async () => {
    return (await stack.status()).lanes.some(({ waiting }) => waiting > 100)
  })
  const ratios: Record<string, number> = {}
  for (const repository of ['b', 'a']) ratios[repository] = (await other(repository)).ms / alone
  // Cuts the rest of the flood short.
  stack.gateway.signal('SIGTERM')
  stack.gateway.signal('SIGTERM')
  await Promise.allSettled(under)
  return [
    {
      what: 'one client during 200 connections of another, against alone',
      figure: `${ratios['b']!.toFixed(2)} times`,
      target: 'below 2',
    },
    {
      what: 'the same, both on the same repository',
      figure: `${ratios['a']!.toFixed(2)} times`,
      target: 'below 2',
    },
  ]
}

async function start(env: Record<string, string>): Promise<Stack> {
  const number = String(slots)
  const lanes = { SLUICE_FETCH_SLOTS: number, SLUICE_PUSH_SLOTS: number, SLUICE_PUSH_ADVERTISEMENT_SLOTS: number }
  const stack = await startStack({ SLUICE_GIT: slow, SLUICE_DRAIN_TIMEOUT: '1s', ...lanes, ...env })
  for (const name of ['a', 'b']) await git(stack.folder, ['init', '--quiet', '--bare', join(stack.root, `${name}.git`)])
  return stack
}

function fetchFrom(stack: Stack, repository: string, client?: string): Promise<Reply> {
  const headers: Record<string, string> = client === undefined ? {} : { 'X-Forwarded-For': client }
  return ask(stack.gateway.address, `/${repository}.git/info/refs?service=git-upload-pack`, { headers })
}

function advertisePush(stack: Stack, repository: string): Promise<Reply> {
  return ask(stack.gateway.address, `/${repository}.git/info/refs?service=git-receive-pack`)
}

function pushTo(stack: Stack, repository: string): Promise<Reply> {
  return ask(stack.gateway.address, `/${repository}.git/git-receive-pack`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-git-receive-pack-request' },
    body: '00000000',
  })
}

async function timed(work: () => Promise<Reply>): Promise<{ reply: Reply; ms: number }> {
  const since = performance.now()
  const reply = await work()
  return { reply, ms: performance.now() - since }
}

/** From the times that each git has noted: its beginning and its end. */
async function mostAtOnce(stack: Stack, repository: string): Promise<number> {
  const lines = (await readFile(join(stack.root, `${repository}.git/log`), 'utf8')).trim().split('\n')
  let now = 0
  return Math.max(...lines.map((line) => (now += line === 'begin' ? 1 : -1)))
}

async function memoryOf(stack: Stack): Promise<{ gateway: number; supervisor: number }> {
  return { gateway: await residentBytes(stack.gateway), supervisor: await residentBytes(stack.supervisor) }
}

async function residentBytes({ pid }: App): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN
}

function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
