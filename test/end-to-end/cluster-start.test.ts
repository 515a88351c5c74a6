import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { ClusterStatus } from '@sluice/shared/placement/cluster-status'
import { slotOf } from '@sluice/shared/placement/slot'
import { compileCache } from '@sluice/shared/testing/compile-cache'
import { noEtcd } from '@sluice/shared/testing/etcd'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import { childrenOf, isAlive } from '@sluice/shared/testing/processes'
import { until } from '@sluice/shared/testing/until'

/** Runs what `npm run start:cluster` runs, in another folder and on other ports. */

const main = fileURLToPath(new URL('../../apps/command/src/main.ts', import.meta.url))

type Announced = {
  readonly url: string
  readonly primaryOfDemo: string
  readonly hostsOfDemo: readonly string[]
  readonly hosts: readonly { readonly name: string; readonly pid: number }[]
  readonly gateways: readonly { readonly operations: string }[]
}

function clusterStart(folder: string, env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [main, 'cluster', 'start', folder, '--json'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      ...compileCache,
      SLUICE_LISTEN: '127.0.0.1:0',
      // Which a start of its own must not be led astray by.
      ETCD_NAME: 'another',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [output, errors] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>
  // All that it has said has come by then.
  const closed = once(child, 'close') as Promise<[number | null, string | null]>
  const announced = () =>
    until('the cluster to serve', () => {
      if (child.exitCode !== null || output.includes('"error"')) throw new Error(`${output}${errors}`)
      return output.endsWith('}\n') ? (JSON.parse(output) as Announced) : undefined
    })
  return { child, exited, closed, announced, output: () => output, errors: () => errors }
}

async function allEnded(pids: readonly number[]): Promise<void> {
  await until('all members to end', async () => !(await Promise.all(pids.map(isAlive))).includes(true))
}

async function leaksIn(folder: string): Promise<unknown[]> {
  const names = (await readdir(join(folder, 'log'))).filter((name) => name.startsWith('host-'))
  const logs = await Promise.all(names.map(async (name) => readFile(join(folder, 'log', name), 'utf8')))
  return logs.flatMap((log) => /"leaked":\{.*?\}/.exec(log)?.[0] ?? [])
}

test(
  'a cluster that was killed as a whole starts again on its folder, and says whom to kill',
  { skip: noEtcd ?? false },
  async () => {
    await using folder = await temporaryFolder()
    const cluster = join(folder.path, 'cluster')
    const first = clusterStart(cluster)
    const { url, hostsOfDemo } = await first.announced()
    // One more, while the balancer moves it.
    assert.ok(hostsOfDemo.length >= 2, hostsOfDemo.join())
    await git(folder.path, ['clone', '--quiet', `${url}/demo.git`])
    const demo = join(folder.path, 'demo')
    await git(demo, ['commit', '--quiet', '--allow-empty', '-m', 'Say hello'])
    await git(demo, ['push', '--quiet'])
    const members = await childrenOf(first.child.pid!)
    assert.equal(members.length, 6)
    for (const pid of [first.child.pid!, ...members]) process.kill(pid, 'SIGKILL')
    await first.exited
    await allEnded(members)

    const second = clusterStart(cluster)
    const announced = await second.announced()
    const [, named, told] = await until(
      'it to say whom to kill',
      () => /Kill (host-\d),[^]*kill -9 (\d+)/.exec(second.errors()) ?? undefined,
    )
    await until('its gateway to have heard of all', async () => {
      const page = await ask(announced.gateways[0]!.operations, '/-/cluster.json')
      const { hosts, slots } = JSON.parse(page.body) as ClusterStatus
      const isEven = hosts.every(({ primaryOf, behindOf }) => primaryOf > 1000 && behindOf === 0)
      return isEven && hosts[slots.primaries[slotOf('demo')]!]?.name === named
    })
    const { pid } = announced.hosts.find(({ name }) => name === named)!
    assert.equal(Number(told), pid)
    process.kill(pid, 'SIGKILL')
    await git(demo, ['commit', '--quiet', '--allow-empty', '-m', 'Once more'])
    await git(demo, ['push', '--quiet', `${announced.url}/demo.git`, 'HEAD'])
    await until('it to say so', () => second.errors().includes(`${named} has ended`))
    const pushed = `${await git(demo, ['rev-parse', 'HEAD'])}\trefs/heads/main\n`
    assert.equal(`${await git(demo, ['ls-remote', `${announced.url}/demo.git`, 'main'])}\n`.trim(), pushed.trim())

    const left = await childrenOf(second.child.pid!)
    second.child.kill('SIGINT')
    assert.deepEqual(await second.exited, [0, null])
    await allEnded(left)
    assert.deepEqual(await leaksIn(cluster), Array(2).fill('"leaked":{"processes":0,"zombies":0}'))
  },
)

test(
  'a cluster of which a member dies before it serves ends at once, and says which, with its log',
  { skip: noEtcd ?? false },
  async () => {
    await using folder = await temporaryFolder()
    const cluster = join(folder.path, 'cluster')
    const programs = join(folder.path, 'bin')
    await mkdir(programs)
    await writeFile(
      join(programs, 'etcd'),
      `#!/bin/sh
PATH=\${PATH#*:}
[ "$1" = --version ] && exec etcd --version
etcd "$@" &
until [ -s "$HOST_LOG" ]; do sleep 0.05; done
kill -9 $!
echo 'This etcd has had enough.'
exit 3
`,
    )
    await chmod(join(programs, 'etcd'), 0o755)
    const started = clusterStart(cluster, {
      PATH: `${programs}:${process.env['PATH']}`,
      HOST_LOG: join(cluster, 'log/host-1.log'),
    })
    const members = await until('all hosts to be started', async () => {
      const children = await childrenOf(started.child.pid!)
      return children.length === 4 || started.child.exitCode !== null ? children : undefined
    })
    assert.deepEqual(await started.closed, [3, null])
    const { error } = JSON.parse(started.output()) as { error: { message: string } }
    assert.match(error.message, /^etcd has ended\. Its log, \S+\/log\/etcd\.log, ends with:\n[^]*has had enough\.$/)
    await allEnded(members)
    // Repositories are not in the way of the next start.
    await rm(join(cluster, 'etcd'), { recursive: true })
    assert.ok((await readdir(join(cluster, 'disks/host-1'))).includes('demo.git'))
  },
)
