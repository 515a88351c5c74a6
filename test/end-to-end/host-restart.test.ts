import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { startStack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** While a host restarts, its clients wait, and none of their jobs fails but what a killed host was answering. */

type Failure = { readonly began: number; readonly ended: number; readonly stderr: string }

/** One job after the other until the loop is told to stop. A job counts when it has ended. */
type Loop = { readonly name: string; done: number; readonly failures: Failure[] }

test('three clone loops and a push loop get through five restarts', async () => {
  // A slow machine needs time to start.
  await using stack = await startStack({ SLUICE_HOST_WAIT: '5m' })
  const repository = join(stack.root, 'project.git')
  await git(stack.folder, ['init', '--quiet', '--bare', repository])
  await importHistory(repository, 20)
  const work = join(stack.folder, 'work')
  const url = `${stack.url}/project.git`
  await git(stack.folder, ['clone', '--quiet', url, work])

  const enough = new AbortController()
  const clone = async (name: string, round: number) => {
    const folder = join(stack.folder, `${name}-${round}`)
    const result = await tryGit(stack.folder, ['clone', '--quiet', url, folder])
    await rm(folder, { recursive: true, force: true })
    return result
  }
  const push = async (_: string, round: number) => {
    await git(work, ['commit', '--quiet', '--allow-empty', '--message', `Round ${round}`])
    return tryGit(work, ['push', '--quiet', url, `HEAD:refs/heads/round-${round}`])
  }
  const run = async (loop: Loop, job: typeof clone) => {
    while (!enough.signal.aborted) {
      const began = performance.now()
      const { code, stderr } = await job(loop.name, loop.done)
      if (code !== 0) loop.failures.push({ began, ended: performance.now(), stderr })
      loop.done++
    }
  }
  const clones = ['clone-a', 'clone-b', 'clone-c'].map((name): Loop => ({ name, done: 0, failures: [] }))
  const pushes: Loop = { name: 'push', done: 0, failures: [] }
  const loops = [...clones, pushes]
  const running = loops.map((loop) => run(loop, loop === pushes ? push : clone))
  const anotherRound = async () => {
    const before = loops.map(({ done }) => done)
    await until('each loop to get on', () => loops.every(({ done }, index) => done > before[index]!), 300_000)
  }

  const kills: { readonly from: number; readonly to: number }[] = []
  for (const signal of ['SIGTERM', 'SIGKILL', 'SIGTERM', 'SIGKILL', 'SIGTERM'] as const) {
    await anotherRound()
    const from = performance.now()
    stack.supervisor.signal(signal)
    await stack.supervisor.exited
    // Until a killed process is gone, its socket takes connections.
    if (signal === 'SIGKILL') kills.push({ from, to: performance.now() })
    await stack.restartSupervisor()
  }
  await anotherRound()
  enough.abort()
  await Promise.all(running)

  const { lines } = stack.gateway
  // What a host was sending when it was killed is cut, and nobody can say what became of a push. Every other failure counts.
  for (const { began, ended, stderr } of loops.flatMap(({ failures }) => failures)) {
    const wasCut = kills.some(({ from, to }) => began < to && from < ended)
    assert.ok(wasCut, `${began} to ${ended}, ${JSON.stringify(kills)}: ${stderr}`)
  }
  for (const { stderr } of clones.flatMap(({ failures }) => failures)) assert.match(stderr, /transfer closed|early EOF/)
  const unknown = lines.filter(({ reason, service, kind }) => {
    return reason === 'host_failed' && service === 'receive-pack' && kind === 'rpc'
  })
  assert.equal(pushes.failures.length, unknown.length, JSON.stringify(pushes.failures))
  const failed = lines.filter(({ outcome }) => outcome !== undefined && outcome !== 'completed')
  assert.deepEqual(
    failed.map(({ reason }) => reason).filter((reason) => reason !== 'host_failed'),
    [],
  )
  assert.ok(
    lines.some(({ waitedForHostMs }) => Number(waitedForHostMs) > 0),
    'nothing had to wait',
  )
})
