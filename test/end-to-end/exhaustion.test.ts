import assert from 'node:assert/strict'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import { patienceMs } from '@sluice/shared/testing/patience'
import { limitProcesses } from '@sluice/shared/testing/process-limit'
import { isQuiet, startStack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** What a host does when it can start no more processes. */

for (const runtime of ['launcher', 'node']) {
  test(`without processes, requests are refused with 503 until there are some (workers on ${runtime})`, async (t) => {
    await using stack = await startStack({
      SLUICE_WARM_WORKERS: '2',
      // A cached list needs no process.
      SLUICE_REFERENCE_CACHE: 'off',
      SLUICE_WORKER_RUNTIME: runtime,
      SLUICE_ADAPTIVE_FETCH_SLOTS: 'on',
    })
    const repository = join(stack.root, 'project.git')
    await mkdir(repository)
    await git(repository, ['init', '--quiet', '--bare', '.'])
    await importHistory(repository, 3)
    const path = '/project.git/info/refs?service=git-upload-pack'
    assert.equal((await ask(stack.gateway.address, path)).status, 200)
    using limit = limitProcesses(stack.supervisor.pid)
    if (!limit) return t.skip('processes cannot be limited here: neither by a control group nor by prlimit')

    // Warm workers may still serve, but the processes that they start count.
    limit.allow(0)
    const refused = await until('refusals', async () => {
      const replies = await Promise.all(Array.from({ length: 10 }, () => ask(stack.gateway.address, path)))
      for (const { status } of replies) assert.ok(status === 200 || status === 503, String(status))
      return replies.every(({ status }) => status === 503) && replies
    })
    for (const { headers, body } of refused) {
      assert.equal(headers['retry-after'], '1')
      assert.match(String(headers['sluice-reason']), /^no_(worker|resources)$/)
      assert.match(body, /try again/)
    }
    const ready = await until('it to say so', async () => {
      const reply = await ask(stack.supervisor.address, '/readyz')
      return reply.status === 503 && JSON.parse(reply.body)
    })
    const { workers, git: gits } = ready.checks
    assert.ok(workers === 'workers cannot be started' || gits === 'git cannot be started')
    assert.equal((await ask(stack.supervisor.address, '/healthz')).status, 200)

    // Enough for a worker, but not for all that it starts.
    for (const more of [1, 3, 5, 7]) {
      limit.allow(more)
      const replies = await Promise.all(Array.from({ length: 4 }, () => ask(stack.gateway.address, path)))
      for (const { status } of replies) assert.ok(status === 200 || status === 503, String(status))
    }

    limit.allow(500)
    // A worker that hangs for want of a thread is given up after a minute.
    const isReady = async () => (await ask(stack.supervisor.address, '/readyz')).status === 200
    await until('it to be ready again', isReady, 2 * patienceMs)
    await git(stack.folder, ['clone', '--quiet', `${stack.url}/project.git`, 'clone'])
    await until('all to be quiet', async () => isQuiet(await stack.status()))
    assert.deepEqual((await stack.status()).leaked, { processes: 0, zombies: 0 })
  })
}

test('a git that can no longer be started makes the host unready until it can be started again', async () => {
  await using folder = await temporaryFolder()
  const program = join(folder.path, 'git')
  await writeFile(program, '#!/bin/sh\nexec git "$@"\n', { mode: 0o755 })
  await using stack = await startStack({ SLUICE_GIT: program, SLUICE_REFERENCE_CACHE: 'off' })
  await git(stack.folder, ['init', '--quiet', '--bare', join(stack.root, 'project.git')])
  const fetch = () => ask(stack.gateway.address, '/project.git/info/refs?service=git-upload-pack')
  const readiness = async () => JSON.parse((await ask(stack.supervisor.address, '/readyz')).body)
  assert.equal((await fetch()).status, 200)
  await rename(program, `${program}-away`)
  const refused = await fetch()
  assert.deepEqual([refused.status, refused.headers['sluice-reason']], [503, 'no_worker'])
  for (let look = 0; look < 3; look++) assert.equal((await readiness()).reason, 'git cannot be started')
  await rename(`${program}-away`, program)
  await until('it to be ready again', async () => (await readiness()).status === 'ok')
  assert.equal((await fetch()).status, 200)
})
