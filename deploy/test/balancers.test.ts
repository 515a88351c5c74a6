import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort } from '@sluice/shared/testing/free-port'
import { git, tryGit } from '@sluice/shared/testing/git'
import { ask, target } from '@sluice/shared/testing/http'
import { beginFetch, largeRepository } from '@sluice/shared/testing/requests'
import { isQuiet, startStack } from '@sluice/shared/testing/stack'
import type { App } from '@sluice/shared/testing/app'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'
import { adapted, skipWithout, startBalancer } from './balancer.ts'

/** The example configurations for load balancers, with real ones, before two gateways and a host. */

const names = ['a', 'b', 'c', 'd', 'e', 'f']

async function fill(root: string): Promise<string> {
  await largeRepository(join(root, 'a.git'))
  for (const name of names.slice(1)) await git(root, ['clone', '--quiet', '--bare', 'a.git', `${name}.git`])
  return await git(join(root, 'a.git'), ['rev-parse', 'main'])
}

type Busy = AsyncDisposable & { done: number; stop(): Promise<{ done: number; failures: string[] }> }

/** Clones and pushes again and again, until told to stop. */
function keepBusy(folder: string, url: string): Busy {
  const over = new AbortController()
  const failures: string[] = []
  const state = {
    done: 0,
    async stop() {
      over.abort()
      await Promise.all(loops)
      return { done: state.done, failures }
    },
    async [Symbol.asyncDispose]() {
      await state.stop()
    },
  }
  const run = async (cwd: string, args: string[]) => {
    const { code, stderr } = await tryGit(cwd, args)
    if (code === 0) state.done++
    else failures.push(`${args.join(' ')}: ${stderr}`)
  }
  const clone = async (loop: number) => {
    for (let n = 0; !over.signal.aborted; n++) {
      const name = names[(n + loop) % names.length]!
      await run(folder, ['clone', '--quiet', '--depth=1', `${url}/${name}.git`, `busy-${loop}-${n}`])
    }
  }
  const push = async () => {
    const work = join(folder, 'pushes')
    await mkdir(work)
    await git(work, ['init', '--quiet'])
    for (let n = 0; !over.signal.aborted; n++) {
      await git(work, ['commit', '--quiet', '--allow-empty', '-m', `Push ${n}`])
      await run(work, ['push', '--quiet', `${url}/pushed-${n % 7}.git`, `HEAD:refs/heads/n${n}`])
    }
  }
  const loops = [clone(0), clone(1), push()]
  return state
}

/** A reply that is read only when the test asks for it. Resolves with the number of its bytes when it is whole. */
async function slowFetch(address: string, name: string, want: string) {
  const reply = await beginFetch(address, `${name}.git`, want)
  assert.equal(reply.statusCode, 200)
  reply.pause()
  return {
    finish: async () => {
      let bytes = 0
      reply.on('data', (chunk: Buffer) => (bytes += chunk.length))
      reply.resume()
      await once(reply, 'end')
      return { bytes, isWhole: reply.complete }
    },
  }
}

async function isRefused(address: string): Promise<boolean> {
  const socket = connect(target(address))
  return await new Promise((resolve) => {
    socket.on('connect', () => resolve(false)).on('error', () => resolve(true))
  }).then((refused) => (socket.destroy(), refused as boolean))
}

/** Ends a gateway as an upgrade does, while requests run through it, and starts another in its place. */
async function restart(stack: Stack, gateway: App, proxy: string, want: string): Promise<{ next: App; held: number }> {
  const slow = await Promise.all(names.map(async (name) => slowFetch(proxy, name, want)))
  gateway.signal('SIGTERM')
  const draining = await gateway.line(({ msg }) => msg === 'draining')
  await until('the gateway to accept no more', () => isRefused(gateway.address))
  const clone = await tryGit(stack.folder, ['clone', '--quiet', `http://${proxy}/a.git`, `during-${gateway.pid}`])
  assert.equal(clone.code, 0, clone.stderr)
  for (const fetch of slow) {
    const { bytes, isWhole } = await fetch.finish()
    assert.ok(isWhole && bytes > 8 * 2 ** 20, `${bytes}`)
  }
  assert.equal(await gateway.exited, 0)
  const stopped = await gateway.line(({ msg }) => msg === 'stopped')
  assert.equal(stopped['ended'], 0)
  const next = await stack.addGateway({ SLUICE_LISTEN: gateway.address })
  return { next, held: Number(draining['running']) }
}

const skipHaproxy = skipWithout('haproxy')

test('a client that leaves while git is silent ends it through HAProxy, too', { skip: skipHaproxy }, async () => {
  const silent = new URL('../../test/fixtures/says-nothing.sh', import.meta.url)
  await using stack = await startStack({ SLUICE_GIT: fileURLToPath(silent), SLUICE_KILL_GRACE: '300ms' })
  await git(stack.root, ['init', '--quiet', '--bare', 'project.git'])
  const proxy = `127.0.0.1:${await freePort()}`
  const config = await adapted('haproxy.cfg', {
    'bind :8080': `bind ${proxy}`,
    'gateway-1:8080': stack.gateway.address,
    'gateway-2:8080': stack.gateway.address,
    'maxconn 20000': 'maxconn 1000',
  })
  await writeFile(join(stack.folder, 'haproxy.cfg'), config)
  await using _haproxy = await startBalancer('haproxy', ['-db', '-f', join(stack.folder, 'haproxy.cfg')], proxy)
  const path = '/project.git/info/refs?service=git-upload-pack'
  const sent = request({ ...target(proxy), path, agent: false })
  sent.on('error', () => {})
  sent.end()
  await until('git to run', async () => (await stack.status()).workers.serving === 1)
  sent.destroy()
  const line = await stack.supervisor.line(({ service }) => service !== undefined)
  assert.equal(line['outcome'], 'client_gone')
  assert.deepEqual(await stack.gitProcesses(), [])
})

test(
  'behind HAProxy, gateways are restarted under clones and pushes, and none of them fails',
  { skip: skipWithout('haproxy') },
  async () => {
    await using stack = await startStack({
      SLUICE_TRUSTED_PROXIES: '127.0.0.1',
      SLUICE_DRAIN_DELAY: '3s',
      SLUICE_DRAIN_TIMEOUT: '10m',
    })
    const want = await fill(stack.root)
    let gateways = [stack.gateway, await stack.addGateway()]
    const proxy = `127.0.0.1:${await freePort()}`
    const config = await adapted('haproxy.cfg', {
      'bind :8080': `bind ${proxy}`,
      'gateway-1:8080': gateways[0]!.address,
      'gateway-2:8080': gateways[1]!.address,
      'inter 1s': 'inter 250ms',
      'maxconn 20000': 'maxconn 1000',
    })
    await writeFile(join(stack.folder, 'haproxy.cfg'), config)
    const check = spawnSync('haproxy', ['-c', '-f', join(stack.folder, 'haproxy.cfg')], { encoding: 'utf8' })
    assert.equal(check.status, 0, check.stderr)
    await using _haproxy = await startBalancer('haproxy', ['-db', '-f', join(stack.folder, 'haproxy.cfg')], proxy)

    await using busy = keepBusy(stack.folder, `http://${proxy}`)
    let held = 0
    for (const gateway of gateways) {
      const before = busy.done
      await until('some to be served', () => busy.done >= before + 3)
      const restarted = await restart(stack, gateway, proxy, want)
      held += restarted.held
      gateways = [...gateways.filter((one) => one !== gateway), restarted.next]
      const { address } = restarted.next
      await until('HAProxy to use it again', async () => (await ask(address, '/readyz')).status === 200)
      await until('some to be served by it', () => restarted.next.lines.some(({ outcome }) => outcome === 'completed'))
    }
    const { done, failures } = await busy.stop()
    assert.deepEqual(failures, [])
    assert.ok(done > 10)
    assert.ok(held > 0, 'Requests ran through the gateways that were stopped.')
    // The log must name the real client, whatever the client writes.
    const claims = { 'X-Forwarded-For': '203.0.113.9' }
    await ask(proxy, '/a.git/info/refs?service=git-upload-pack', { headers: { ...claims, 'X-Request-Id': 'claims' } })
    const line = await until('its line', () =>
      gateways.flatMap(({ lines }) => lines).find(({ requestId }) => requestId === 'claims'),
    )
    assert.equal(line['client'], '127.0.0.1')
    await until('nothing to be at work', async () => isQuiet(await stack.status()))
  },
)

test('behind nginx, clones and large pushes are streamed', { skip: skipWithout('nginx') }, async () => {
  await using stack = await startStack({ SLUICE_TRUSTED_PROXIES: '127.0.0.1' })
  await fill(stack.root)
  const second = await stack.addGateway()
  const proxy = `127.0.0.1:${await freePort()}`
  const included = await adapted('nginx.conf', {
    'listen 8080': `listen ${proxy}`,
    'server gateway-1:8080': `server ${stack.gateway.address}`,
    'server gateway-2:8080': `server ${second.address}`,
  })
  const { folder } = stack
  const log = join(folder, 'nginx.log')
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  const config = join(folder, 'nginx.conf')
  await writeFile(join(folder, 'sluice.conf'), included)
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  await writeFile(
    config,
    `${user} pid ${folder}/nginx.pid; error_log ${log} info; daemon off; events {} http { access_log off; ${places.join(' ')} include ${folder}/sluice.conf; }`,
  )
  const check = spawnSync('nginx', ['-t', '-c', config, '-p', folder, '-e', log], { encoding: 'utf8' })
  assert.equal(check.status, 0, check.stderr)
  await using _nginx = await startBalancer('nginx', ['-c', config, '-p', folder, '-e', log], proxy)

  const clone = await tryGit(folder, ['clone', '--quiet', `http://${proxy}/b.git`, 'cloned'])
  assert.equal(clone.code, 0, clone.stderr)
  const push = await tryGit(join(folder, 'cloned'), ['push', '--quiet', `http://${proxy}/new.git`, 'HEAD:main'])
  assert.equal(push.code, 0, push.stderr)
  assert.doesNotMatch(await readFile(log, 'utf8'), /buffered to a temporary file/)
  assert.equal(await git(join(stack.root, 'new.git'), ['cat-file', '-t', 'main']), 'commit')
})
