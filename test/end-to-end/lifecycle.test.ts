import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { git } from '@sluice/shared/testing/git'
import { patienceMs } from '@sluice/shared/testing/patience'
import { ask, target } from '@sluice/shared/testing/http'
import { isQuiet, startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** However git, a client or a host behaves, the answer is true, and nothing outlives its request. */

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}.sh`, import.meta.url))

const path = '/project.git/info/refs?service=git-upload-pack'

async function startWithFixture(name: string, env: Record<string, string> = {}): Promise<Stack> {
  const stack = await startStack({ SLUICE_GIT: fixture(name), SLUICE_KILL_GRACE: '300ms', ...env })
  await git(stack.folder, ['init', '--quiet', '--bare', join(stack.root, 'project.git')])
  return stack
}

/** For a git that does as the repository says. @returns the path of its advertisement */
async function addRepository({ root }: Stack, fixtureName: string): Promise<string> {
  await git(root, ['init', '--quiet', '--bare', `${fixtureName}.git`])
  await writeFile(join(root, `${fixtureName}.git/fixture`), `${fixtureName}\n`)
  return path.replace('project', fixtureName)
}

/** Sends a request and returns the reply as soon as it begins. */
function open(stack: Stack, requestId: string, from = path): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const [host, port] = stack.gateway.address.split(':')
    const sent = request({ host, port, path: from, agent: false, headers: { 'X-Request-Id': requestId } }, resolve)
    sent.on('error', reject)
    sent.end()
  })
}

const lsRefs = {
  method: 'POST',
  headers: { 'Content-Type': 'application/x-git-upload-pack-request', 'Git-Protocol': 'version=2' },
  body: '0014command=ls-refs\n0000',
}

const theLine = (stack: Stack, id: string) => stack.supervisor.line((line) => line['requestId'] === id)

for (const runtime of ['launcher', 'node']) {
  describe(`with workers on ${runtime}`, () => {
    const env = { SLUICE_WORKER_RUNTIME: runtime }
    let stack: Stack
    before(async () => {
      stack = await startWithFixture('as-the-repository-says', env)
    })
    after(() => stack[Symbol.asyncDispose]())

    test('a client that leaves ends a git that would write for ever', async () => {
      const at = await addRepository(stack, 'writes-forever')
      const reply = await open(stack, 'leaves', at)
      await once(reply, 'data')
      reply.destroy()
      const line = await theLine(stack, 'leaves')
      assert.equal(line['outcome'], 'client_gone')
      assert.equal(line['level'], 'info')
      assert.deepEqual(await stack.gitProcesses(), [])
      assert.equal((await stack.gateway.line((l) => l['requestId'] === 'leaves'))['outcome'], 'client_gone')
    })

    test('a git that ignores SIGTERM is ended by SIGKILL', async () => {
      const at = await addRepository(stack, 'ignores-sigterm')
      const reply = await open(stack, 'ignores', at)
      await once(reply, 'data')
      reply.destroy()
      assert.equal((await theLine(stack, 'ignores'))['outcome'], 'client_gone')
      assert.deepEqual(await stack.gitProcesses(), [])
    })

    test('a process that took a session of its own is ended', async () => {
      const at = await addRepository(stack, 'escapes')
      const reply = await ask(stack.gateway.address, at, { headers: { 'X-Request-Id': 'escapes' } })
      assert.equal(reply.status, 200)
      assert.equal((await theLine(stack, 'escapes'))['leftovers'], true)
      assert.deepEqual(await stack.gitProcesses(), [])
    })

    test('a process that git leaves in its group is ended after a normal exit, and logged', async () => {
      const at = await addRepository(stack, 'forks-grandchild')
      const reply = await ask(stack.gateway.address, at, { headers: { 'X-Request-Id': 'grandchild' } })
      assert.equal(reply.status, 200)
      const line = await theLine(stack, 'grandchild')
      assert.equal(line['outcome'], 'completed')
      assert.equal(line['leftovers'], true)
      assert.deepEqual(await stack.gitProcesses(), [])
    })

    test('a client that reads nothing for a while after git has ended gets everything', async () => {
      const at = await addRepository(stack, 'writes-payload')
      const size = 3 * 2 ** 20
      await writeFile(join(stack.root, 'writes-payload.git/payload'), Buffer.alloc(size, 'x'))
      // Straight to the host, so that fewer buffers lie between it and the client.
      const sent = request({
        ...target(stack.supervisor.address),
        path: at,
        agent: false,
        headers: { 'X-Request-Id': 'stalls' },
      })
      sent.end()
      const [reply] = (await once(sent, 'response')) as [IncomingMessage]
      let received = 0
      for await (const chunk of reply) {
        const less = received
        received += (chunk as Buffer).length
        // One pause at each size: at one of them, git has just ended and its last output is still in the pipe.
        if (Math.floor(received / 2 ** 18) > Math.floor(less / 2 ** 18) && received > size / 2) await pause(1200)
      }
      const preamble = received - size
      assert.ok(preamble >= 0 && preamble < 100, `${received} bytes of ${size}`)
      assert.equal((await theLine(stack, 'stalls'))['outcome'], 'completed')
    })

    test('a background process that holds standard output cannot hold the reply', async () => {
      const at = await addRepository(stack, 'holds-stdout')
      const reply = await ask(stack.gateway.address, at, { headers: { 'X-Request-Id': 'holds' } })
      assert.match(reply.body, /0000$/)
      assert.equal((await theLine(stack, 'holds'))['leftovers'], true)
      assert.deepEqual(await stack.gitProcesses(), [])
    })

    test('a reply that git could not finish is cut, never ended', async () => {
      const at = await addRepository(stack, 'dies-mid-pack')
      await assert.rejects(ask(stack.gateway.address, at, { headers: { 'X-Request-Id': 'dies' } }), /aborted/)
      const line = await theLine(stack, 'dies')
      assert.equal(line['outcome'], 'git_failed')
      assert.equal(line['reason'], 'git_killed')
    })

    test('a git that fails before its first byte is a 500, and its message is in the log only', async () => {
      const at = await addRepository(stack, 'fails-at-once')
      const reply = await ask(stack.gateway.address, at, { headers: { 'X-Request-Id': 'fails' } })
      assert.equal(reply.status, 500)
      assert.match(reply.body, /^git failed on the server/)
      const line = await theLine(stack, 'fails')
      assert.equal(line['stderr'], 'fatal: the reason for the log\n')
      assert.equal((line['git'] as { code: number }).code, 128)
    })

    test('an error that git reports in the protocol arrives whole', async () => {
      const at = await addRepository(stack, 'fails-after-writing')
      const reply = await ask(stack.gateway.address, at, { headers: { 'X-Request-Id': 'err' } })
      assert.equal(reply.status, 200)
      assert.match(reply.body, /ERR no access\n$/)
      assert.equal((await theLine(stack, 'err'))['outcome'], 'git_failed')
    })

    test('a git that is silent for too long ends with 504', async () => {
      await using own = await startWithFixture('says-nothing', { ...env, SLUICE_SILENT_GIT_TIMEOUT: '500ms' })
      const reply = await ask(own.gateway.address, path, { headers: { 'X-Request-Id': 'silent' } })
      assert.equal(reply.status, 504)
      const line = await theLine(own, 'silent')
      assert.equal(line['outcome'], 'timed_out')
      assert.equal(line['reason'], 'git_silent')
      assert.deepEqual(await own.gitProcesses(), [])
    })

    test('a request that takes longer than allowed is ended', async () => {
      await using own = await startWithFixture('writes-forever', { ...env, SLUICE_REQUEST_TIMEOUT: '500ms' })
      const asked = ask(own.gateway.address, path, { headers: { 'X-Request-Id': 'long' } })
      // Where the machine stands still, the time may be over before the first byte of git.
      const end = await asked.then(
        ({ status }) => String(status),
        (error: unknown) => String(error),
      )
      assert.match(end, /aborted|^504$/)
      const line = await theLine(own, 'long')
      assert.equal(line['outcome'], 'timed_out')
      assert.equal(line['reason'], 'request_timeout')
      assert.deepEqual(await own.gitProcesses(), [])
    })

    test('a killed worker takes its git with it, and the client is told', async () => {
      const at = await addRepository(stack, 'says-nothing')
      const asked = ask(stack.gateway.address, at, { headers: { 'X-Request-Id': 'killed' } })
      const pid = await until('git to run', async () => (await stack.gitProcesses())[0])
      process.kill(await parentOf(pid), 'SIGKILL')
      assert.equal((await asked).status, 500)
      assert.equal((await theLine(stack, 'killed'))['reason'], 'worker_lost')
      assert.deepEqual(await stack.gitProcesses(), [])
    })

    test('a worker that no longer reacts is ended by the supervisor, and its git with it', async () => {
      await using own = await startWithFixture('says-nothing', env)
      const sent = open(own, 'stuck')
      sent.catch(() => {})
      const pid = await until('git to run', async () => (await own.gitProcesses())[0])
      process.kill(await parentOf(pid), 'SIGSTOP')
      own.gateway.signal('SIGKILL')
      assert.equal((await theLine(own, 'stuck'))['outcome'], 'client_gone')
      assert.deepEqual(await own.gitProcesses(), [])
    })

    test('a killed supervisor leaves nothing running, and the gateway recovers with the next one', async () => {
      // Only SIGKILL ends this git, and it ignores that its pipes are gone.
      await using own = await startWithFixture('ignores-sigterm', { ...env, SLUICE_HOST_WAIT: '0s' })
      const reply = await open(own, 'lost')
      await once(reply, 'data')
      const cut = new Promise((resolve) => reply.on('close', resolve))
      reply.on('error', () => {})
      reply.resume()
      own.supervisor.signal('SIGKILL')
      await cut
      assert.equal(reply.complete, false)
      await until('git to end', async () => (await own.gitProcesses()).length === 0)
      const refused = await ask(own.gateway.address, path)
      assert.equal(refused.status, 503)
      assert.equal(refused.headers['retry-after'], '1')
      assert.match(refused.body, /does not answer/)
      assert.equal((await ask(own.gateway.address, '/readyz')).status, 503)
      await own.restartSupervisor()
      const again = await open(own, 'again')
      assert.equal(again.statusCode, 200)
      again.destroy()
    })
  })
}

test('with workers on Node, the supervisor warns of what that costs', async () => {
  await using stack = await startStack({ SLUICE_WORKER_RUNTIME: 'node' })
  const line = await stack.supervisor.line((l) => l['level'] === 'warn')
  assert.match(String(line['msg']), /workers run on Node/)
})

test('a gateway that is told to stop ends running requests at the end of its drain time, and exits with 0', async () => {
  await using stack = await startWithFixture('writes-forever', { SLUICE_DRAIN_TIMEOUT: '500ms' })
  const reply = await open(stack, 'drained')
  await once(reply, 'data')
  const cut = new Promise((resolve) => reply.on('close', resolve))
  reply.on('error', () => {})
  reply.resume()
  stack.gateway.signal('SIGTERM')
  await cut
  assert.equal(await stack.gateway.exited, 0)
  assert.equal((await stack.gateway.line((l) => l['requestId'] === 'drained'))['reason'], 'draining')
  assert.equal((await theLine(stack, 'drained'))['outcome'], 'client_gone')
  assert.deepEqual(await stack.gitProcesses(), [])
})

test('a second signal ends the requests that a stopping supervisor still waits for', async () => {
  await using stack = await startWithFixture('writes-forever', { SLUICE_DRAIN_TIMEOUT: '1h' })
  const reply = await open(stack, 'hurried')
  await once(reply, 'data')
  reply.resume()
  stack.supervisor.signal('SIGTERM')
  await stack.supervisor.line((line) => line['msg'] === 'draining')
  // Two signals within 100 ms count as one. A third could meet a process that no longer handles signals.
  await pause(150)
  stack.supervisor.signal('SIGTERM')
  assert.equal(await stack.supervisor.exited, 0)
  const last = await stack.supervisor.line((line) => line['msg'] === 'stopped')
  assert.deepEqual(last['leaked'], { processes: 0, zombies: 0 })
  assert.equal((await theLine(stack, 'hurried'))['reason'], 'draining')
})

test('a supervisor refuses to be PID 1', async (t) => {
  const inNamespace = ['--pid', '--fork', '--mount-proc']
  if (spawnSync('unshare', [...inNamespace, 'true']).status !== 0) return t.skip('no right to make a PID namespace')
  const main = fileURLToPath(new URL('../../apps/gitworker/src/main.ts', import.meta.url))
  const options = { env: {}, timeout: patienceMs }
  const { status, stderr } = spawnSync('unshare', [...inNamespace, process.execPath, main], options)
  assert.equal(status, 78)
  assert.match(stderr.toString(), /runs as PID 1.*reaper/)
})

test('connections without a request do not hold a server that is told to stop', async () => {
  await using stack = await startStack({ SLUICE_DRAIN_TIMEOUT: '1h' })
  const sockets = ['', 'GET / HTTP/1.1\r\nHo'].map((bytes) => {
    const socket = connect(target(stack.gateway.address))
    socket.on('error', () => {})
    socket.write(bytes)
    return socket
  })
  // A whole request follows them, so they have been accepted by then.
  await ask(stack.gateway.address, '/healthz')
  stack.gateway.signal('SIGTERM')
  assert.equal(await stack.gateway.exited, 0)
  for (const socket of sockets) socket.destroy()
})

test('a slot is free when its worker is gone, though its client still has to read', async () => {
  // The fixture's output is not in the repository, so a cache would give the first answer again.
  const env = { SLUICE_FETCH_SLOTS: '1', SLUICE_QUEUE_TIMEOUT: '60s', SLUICE_REFERENCE_CACHE: 'off' }
  await using stack = await startWithFixture('writes-payload', env)
  const { address } = stack.supervisor
  const payload = join(stack.root, 'project.git/payload')
  // How much fits between git and a client that does not read depends on the kernel, so the size is found by trying.
  for (let kilobytes = 128; ; kilobytes += 16) {
    assert.ok(kilobytes < 4096, 'no size was found at which the worker was gone and the reply was not')
    await writeFile(payload, Buffer.alloc(kilobytes * 1024))
    const id = `slow-${kilobytes}`
    const slow = request({ ...target(address), path, agent: false, headers: { 'X-Request-Id': id } })
    slow.on('error', () => {})
    slow.end()
    const [reply] = (await once(slow, 'response')) as [IncomingMessage]
    reply.on('error', () => {})
    const isOver = () => stack.supervisor.lines.some((line) => line['requestId'] === id)
    await until('the worker to be gone', async () => isOver() || isQuiet(await stack.status()))
    await writeFile(payload, 'small')
    const other = isOver() ? undefined : await ask(address, path)
    assert.ok(other === undefined || other.status === 200, other?.body)
    const wasServedMeanwhile = other !== undefined && !isOver()
    slow.destroy()
    if (wasServedMeanwhile) return
  }
})

test('no slot is given to the next request while anything of the one before lives', async () => {
  await using stack = await startWithFixture('ignores-sigterm', { SLUICE_FETCH_SLOTS: '1' })
  const { address } = stack.supervisor
  const first = await open(stack, 'first')
  await once(first, 'data')
  const [running] = await stack.gitProcesses()
  const worker = await parentOf(running!)
  const next = request({ ...target(address), path, agent: false })
  next.on('error', () => {})
  next.end()
  first.destroy()
  const [reply] = (await once(next, 'response')) as [IncomingMessage]
  assert.equal(reply.statusCode, 200)
  assert.equal(existsSync(`/proc/${running}`), false)
  assert.equal(existsSync(`/proc/${worker}`), false)
  assert.equal((await theLine(stack, 'first'))['signalled'], 'SIGKILL')
  next.destroy()
})

test('requests during a restart of the supervisor are all served', async () => {
  await using stack = await startStack({ SLUICE_HOST_WAIT: '5m' })
  await git(stack.folder, ['init', '--quiet', '--bare', join(stack.root, 'project.git')])
  const statuses: number[] = []
  const enough = new AbortController()
  const clients = Array.from({ length: 4 }, async () => {
    while (!enough.signal.aborted) {
      const isFetch = statuses.length % 2 === 1
      const reply = await ask(
        stack.gateway.address,
        isFetch ? '/project.git/git-upload-pack' : path,
        isFetch ? lsRefs : {},
      )
      statuses.push(reply.status)
    }
  })
  await until('some to be served', () => statuses.length > 20)
  stack.supervisor.signal('SIGTERM')
  assert.equal(await stack.supervisor.exited, 0)
  await stack.restartSupervisor()
  const seen = statuses.length
  await until('some to be served by the next one', () => statuses.slice(seen).includes(200))
  enough.abort()
  await Promise.all(clients)
  assert.deepEqual([...new Set(statuses)], [200])
})

test('what escaped with standard output cannot hold the reply for long, and is ended', async () => {
  for (const runtime of ['launcher', 'node']) {
    await using stack = await startWithFixture('escapes-with-stdout', { SLUICE_WORKER_RUNTIME: runtime })
    const reply = await ask(stack.gateway.address, path, { headers: { 'X-Request-Id': 'escapes' } })
    assert.equal(reply.status, 200)
    assert.match(reply.body, /0000$/)
    assert.equal((await theLine(stack, 'escapes'))['leftovers'], true)
    assert.deepEqual(await stack.gitProcesses(), [])
  }
})

async function parentOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}
