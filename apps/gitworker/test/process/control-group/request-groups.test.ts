import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, rm, rmdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { until } from '@sluice/shared/testing/until'
import { endLeftGroups } from '../../../src/process/control-group/left-groups.ts'
import { childrenOf } from '../../../src/process/launcher/orphans.ts'
import { isLive, readProcess } from '../../../src/process/process-table.ts'
import type { WorkerHandle } from '../../../src/process/worker-handle.ts'
import { bunWithSources } from '../../support/bun-with-sources.ts'
import { moveIntoDelegatedGroup } from '../../support/delegated-group.ts'
import type { DelegatedGroup } from '../../support/delegated-group.ts'
import { recordLog } from '../../support/recorded-log.ts'
import { openTestWorkers } from '../../support/workers.ts'

/** With real control groups, where this process may make some. */

const graces = { term: 0, kill: 200, drain: false }
const path = process.env['PATH'] ?? ''
const shell = (script: string) => ({ argv: ['/bin/sh', '-c', script], env: { PATH: path }, cwd: '/' })
const groups = { controlGroups: 'auto', requestMemory: undefined, requestProcesses: undefined } as const

let delegated: DelegatedGroup | undefined
before(() => {
  delegated = moveIntoDelegatedGroup()
})
after(() => delegated?.[Symbol.dispose]())

/** Tests are defined before it is known. */
const where = (t: { skip(why: string): void }): DelegatedGroup => {
  if (!delegated) t.skip('this process may make no control groups of the second version')
  return delegated!
}

/** The group of a process, below the delegated one. */
const groupOf = (pid: number) =>
  /^0::.*(?:\/sluice-test-\d+)(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1]

async function ready(worker: WorkerHandle): Promise<WorkerHandle> {
  await worker.ready
  return worker
}

async function run(worker: WorkerHandle, script: string): Promise<string> {
  await worker.ready
  worker.serve(shell(script), graces)
  worker.stdin.end()
  const chunks: Buffer[] = []
  for await (const chunk of worker.stdout) chunks.push(chunk as Buffer)
  await worker.gone
  return Buffer.concat(chunks).toString()
}

const foldersIn = (folder: string) =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)

const membersOf = (folder: string) => readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)

describe('a request', () => {
  test('has a control group of its own, which is used again when it is over', async (t) => {
    const { folder } = where(t) ?? {}
    if (!folder) return
    {
      await using workers = await openTestWorkers('launcher', { groups })
      const [name = ''] = foldersIn(folder)
      assert.match(name, /^sluice-[\da-f]{16}$/)
      assert.equal(groupOf(process.pid), `/${name}/supervisor`)
      await using one = await ready(workers.start())
      await using two = await ready(workers.start())
      assert.deepEqual([groupOf(one.pid!), groupOf(two.pid!)], [`/${name}/1`, `/${name}/2`])
      assert.match(await run(two, 'setsid cat /proc/self/cgroup'), new RegExp(`/${name}/2\n`))
      await using three = await ready(workers.start())
      assert.equal(groupOf(three.pid!), `/${name}/2`)
    }
    assert.deepEqual(foldersIn(folder), [], 'nothing is left of it')
    assert.equal(groupOf(process.pid), '')
  })

  test('is counted with what git has not waited for', async (t) => {
    if (!where(t)) return
    await using workers = await openTestWorkers('launcher', { groups })
    await using worker = await ready(workers.start())
    // The one that burns is nobody's child that waits for it, and ends just before git does.
    const burn = 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'
    await run(worker, `(setsid sh -c '${burn}' &) | cat`)
    const { cpuMs } = await worker.report
    assert.ok(cpuMs !== null && cpuMs > 50, String(cpuMs))
  })

  test('is ended whole, though it forks without end', async (t) => {
    if (!where(t)) return
    await using workers = await openTestWorkers('launcher', { groups })
    await using worker = await ready(workers.start())
    // Each one starts the next and ends, so that there are always new ones, but never more than the machine can bear.
    const forks = 'trap "" TERM; f() { f & exit; }; for i in $(seq 40); do f & done'
    worker.serve(shell(`setsid sh -c '${forks.replaceAll("'", `'\\''`)}' & exec sleep 1000`), graces)
    const folder = join(where(t).folder, groupOf(worker.pid!)!)
    await until('many of them to run', () => membersOf(folder).length > 20)
    worker.stop()
    await worker.gone
    // If all have ended before the group was killed, it is kept for the next worker, empty.
    assert.deepEqual(existsSync(folder) ? membersOf(folder) : [], [])
  })

  test('leaves nothing, though worker and launcher are killed and nothing else can tell whose it is', async (t) => {
    if (!where(t)) return
    const { lines, log } = recordLog()
    await using workers = await openTestWorkers('launcher', { groups, log })
    await using worker = await ready(workers.start())
    const folder = join(where(t).folder, groupOf(worker.pid!)!)
    worker.serve(shell('(env -i setsid /bin/sh -c "trap : TERM; exec sleep 4715" &); sleep 1000'), graces)
    const sleepers = () => membersOf(folder).filter((pid) => readProcess(Number(pid))?.name === 'sleep')
    await until('all of them to run', () => sleepers().length === 2)
    const launcher = childrenOf(process.pid).find((pid) => readProcess(pid)?.name === 'sluice-launcher')!
    process.kill(launcher, 'SIGKILL')
    await until('it to be gone', () => !isRunning(launcher))
    process.kill(worker.pid!, 'SIGKILL')
    await worker.gone
    assert.equal(existsSync(folder), false)
    // Its parent may have been found before its own end.
    const isTold = lines.some(({ msg }) => msg === 'ended what was left in the control group of a request')
    assert.ok(isTold || worker.leftovers.some(({ name }) => name === 'sleep'))
    assert.equal(await run(workers.start(), 'echo new'), 'new\n')
  })

  test('has its group, too, where clone3 is forbidden', async (t) => {
    if (!where(t)) return
    await using folder = await temporaryFolder()
    const program = await bunWithSources(folder.path, (name, text) =>
      name === 'libc.h' ? text.replace('SYS_clone3 = 435', 'SYS_clone3 = 9999') : text,
    )
    await using workers = await openTestWorkers('launcher', { groups, programs: [program] })
    const all = await Promise.all(Array.from({ length: 8 }, () => ready(workers.start())))
    assert.equal(new Set(all.map(({ pid }) => groupOf(pid!))).size, 8)
    for (const worker of all) {
      assert.match(groupOf(worker.pid!)!, /^\/sluice-[\da-f]{16}\/\d$/)
      assert.equal(await run(worker, 'echo fine'), 'fine\n')
    }
  })

  test('gets another group where its own was removed', async (t) => {
    if (!where(t)) return
    await using workers = await openTestWorkers('launcher', { groups })
    const used = await ready(workers.start())
    const folder = join(where(t).folder, groupOf(used.pid!)!)
    await run(used, 'true')
    await rmdir(folder)
    await using worker = await ready(workers.start())
    assert.equal(basename(groupOf(worker.pid!)!), '2')
  })
})

describe('limits', () => {
  const limited = { ...groups, requestMemory: 64 * 2 ** 20, requestProcesses: 20 }

  test('hold for all processes of a request together, and the report names the one that was reached', async (t) => {
    const group = where(t)
    if (!group) return
    if (!['memory', 'pids'].every((it) => group.controllers.includes(it)))
      return t.skip('the controllers are elsewhere')
    await using workers = await openTestWorkers('launcher', { groups: limited })
    const hog = workers.start()
    const keep = 'head -c 50000000 /dev/zero | tail -c 45000000 | { sleep 2; wc -c; }'
    await run(hog, `${keep} & ${keep} & wait`)
    assert.equal((await hog.report).exceeded, 'memory')
    const crowd = workers.start()
    const output = await run(crowd, 'for i in $(seq 30); do sleep 1000 & done 2>&1; kill $(jobs -p)')
    assert.match(output, /fork/)
    if (existsSync(join(group.folder, 'pids.events.local'))) {
      assert.equal((await crowd.report).exceeded, 'processes')
    }
    const modest = workers.start()
    assert.equal(await run(modest, 'echo fine'), 'fine\n')
    assert.equal((await modest.report).exceeded, undefined)
  })

  test('that cannot be kept are named in the log, and requests are served without', async (t) => {
    const group = where(t)
    if (!group) return
    if (group.controllers.includes('memory')) return t.skip('all controllers are here')
    const { lines, log } = recordLog()
    await using workers = await openTestWorkers('launcher', { groups: limited, log })
    assert.equal(await run(workers.start(), 'echo fine'), 'fine\n')
    for (const name of ['SLUICE_REQUEST_MEMORY', 'SLUICE_REQUEST_PROCESSES']) {
      assert.equal(lines.filter(({ msg }) => String(msg).startsWith(`${name}: this limit is not kept`)).length, 1)
    }
  })
})

describe('what a killed supervisor has left', () => {
  test('is ended and removed, and nothing else', async (t) => {
    const group = where(t)
    if (!group) return
    await using folder = await temporaryFolder()
    const note = join(folder.path, 'control-groups')
    const other = join(group.folder, 'sluice-0123456789abcdef')
    await mkdir(other)
    const main = fileURLToPath(new URL('../../fixtures/control-group/has-a-worker.ts', import.meta.url))
    // In a group of its own, as in a service.
    const service = join(group.folder, 'service')
    await mkdir(service)
    const args = ['-c', `echo $$ >${service}/cgroup.procs && exec "$0" "$@"`, process.execPath, main, folder.path]
    const supervisor = spawn('/bin/sh', args, { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(supervisor.stdout, 'data')
    const [name = ''] = foldersIn(service)
    assert.deepEqual(foldersIn(join(service, name)).toSorted(), ['1', 'supervisor'])
    const launcher = childrenOf(supervisor.pid!)[0]!
    // It stops, and so cannot end what it has.
    const members = membersOf(join(service, name, '1')).map(Number)
    for (const pid of [launcher, ...members]) process.kill(pid, 'SIGSTOP')
    supervisor.kill('SIGKILL')
    await once(supervisor, 'exit')
    await endLeftGroups(note, silentLog)
    assert.deepEqual(foldersIn(service), [])
    assert.equal(existsSync(note), false)
    await until('all of them to be gone', () => ![launcher, ...members].some(isRunning))
    assert.ok(existsSync(other), 'it is not in the note')
    await rmdir(other)
    await rmdir(service)
  })

  test('is left alone where this process is in it, and where a note names something else', async (t) => {
    const group = where(t)
    if (!group) return
    await using folder = await temporaryFolder()
    const note = join(folder.path, 'note')
    const decoy = join(folder.path, 'sluice-0123456789abcdef')
    await mkdir(decoy)
    await writeFile(join(decoy, 'file'), '')
    await writeFile(note, `${decoy}\n/\n\n${folder.path}\nsluice-0\n`)
    await endLeftGroups(note, silentLog)
    assert.deepEqual([existsSync(join(decoy, 'file')), existsSync(note)], [true, false])
    await rm(decoy, { recursive: true })
    await using workers = await openTestWorkers('launcher', { groups })
    await endLeftGroups(join(workers.folder, 'control-groups'), silentLog)
    assert.equal(await run(workers.start(), 'echo fine'), 'fine\n')
  })
})

function isRunning(pid: number): boolean {
  const found = readProcess(pid)
  return found !== undefined && isLive(found)
}
