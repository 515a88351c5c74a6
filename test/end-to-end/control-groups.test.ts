import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { controlGroups } from '@sluice/shared/machine/control-group'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import { isQuiet, startStack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** A supervisor that has a control group of its own, as in a service with Delegate=yes. */

/** @returns the folder of a new one, or undefined where this process may make none */
function newGroup(): (Disposable & { readonly folder: string }) | undefined {
  const own = controlGroups('pids').find(({ version }) => version === 2)
  if (!own) return undefined
  const folder = join(own.folder, `sluice-test-service-${process.pid}`)
  try {
    // Whether this user may move a process: this one stays where it is.
    writeFileSync(join(own.folder, 'cgroup.procs'), String(process.pid))
    mkdirSync(folder)
  } catch {
    return undefined
  }
  return { folder, [Symbol.dispose]: () => rmdirSync(folder) }
}

const foldersIn = (folder: string) =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)

const membersOf = (folder: string) => textOf(join(folder, 'cgroup.procs')).split('\n').filter(Boolean).map(Number)

const nameOf = (pid: number) => textOf(`/proc/${pid}/comm`).trim()

/** Empty where it is gone: a process may end, and its group be removed, at any moment. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Once, leaves something behind that has a session of its own and no environment, and that ignores SIGTERM. */
const stubborn = `#!/bin/sh
case "$*" in
  *upload-pack*escapes.git*)
    mkdir "$0-once" || exec git "$@"
    (env -i setsid /bin/sh -c 'trap : TERM; while :; do /bin/sleep 1; done' &)
    exec sleep 1000 ;;
esac
exec git "$@"
`

test('what supervisor, launcher and worker have left that were killed is ended by the next supervisor', async (t) => {
  using group = newGroup()
  if (!group) return t.skip('this process may make no control groups of the second version')
  await using folder = await temporaryFolder()
  const program = join(folder.path, 'git')
  await writeFile(program, stubborn, { mode: 0o755 })
  const fixture = new URL('../fixtures/joins-a-control-group.mjs', import.meta.url).href
  const inGroup = { NODE_OPTIONS: `--import=${fixture}`, TEST_CONTROL_GROUP: group.folder }
  {
    await using stack = await startStack(
      { SLUICE_GIT: program, SLUICE_WARM_WORKERS: '1', SLUICE_REFERENCE_CACHE: 'off', SLUICE_HOST_WAIT: '5m' },
      { supervisor: inGroup },
    )
    for (const name of ['project.git', 'escapes.git']) {
      const repository = join(stack.root, name)
      await mkdir(repository)
      await git(repository, ['init', '-q', '--bare', '.'])
      await importHistory(repository, 2)
    }
    const [run = ''] = foldersIn(group.folder)
    assert.match(run, /^sluice-[\da-f]{16}$/)
    const requests = () => foldersIn(join(group.folder, run)).filter((name) => name !== 'supervisor')
    const lost = ask(stack.gateway.address, '/escapes.git/info/refs?service=git-upload-pack')
    const members = await until('the request to have left something', () => {
      const all = requests().map((name) => membersOf(join(group.folder, run, name)))
      return all.find((pids) => pids.filter((pid) => nameOf(pid) === 'sleep').length === 2)
    })

    const launcher = membersOf(join(group.folder, run, 'supervisor')).find((pid) => pid !== stack.supervisor.pid)!
    const worker = members.find((pid) => nameOf(pid) === 'sluice-worker')!
    process.kill(stack.supervisor.pid, 'SIGSTOP')
    for (const pid of [launcher, worker, stack.supervisor.pid]) process.kill(pid, 'SIGKILL')
    await stack.supervisor.exited
    assert.ok(membersOf(join(group.folder, run)).length === 0 && existsSync(join(group.folder, run)))

    await stack.restartSupervisor()
    assert.equal((await lost).status, 200, 'the gateway asks again')
    assert.equal(existsSync(join(group.folder, run)), false)
    assert.equal(foldersIn(group.folder).length, 1)
    await git(stack.folder, ['clone', '-q', `${stack.url}/project.git`, 'clone'])
    await until('nothing to be left', async () => isQuiet(await stack.status()))
    assert.deepEqual((await stack.status()).leaked, { processes: 0, zombies: 0 })
  }
  assert.deepEqual(foldersIn(group.folder), [])
})
