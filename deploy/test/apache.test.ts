import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePort } from '@sluice/shared/testing/free-port'
import { git, tryGit } from '@sluice/shared/testing/git'
import { target } from '@sluice/shared/testing/http'
import { capturePush, largeRepository } from '@sluice/shared/testing/requests'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'
import { adapted, skipWithout, startBalancer } from './balancer.ts'

/** The example configuration for Apache, with a real Apache. */

const modules = '/usr/lib/apache2/modules'
const loaded = ['mpm_event', 'authz_core', 'headers', 'proxy', 'proxy_http', 'proxy_balancer']
const forBalancers = ['lbmethod_bybusyness', 'slotmem_shm']

/** Apache refuses to serve as root. If it was started by root, it serves as Debian's user. */
function recordOf(name: string): string {
  return readFileSync('/etc/passwd', 'utf8').includes(`\n${name}:`) ? `User ${name}\nGroup ${name}` : ''
}

/** @returns the address on which it listens */
async function startApache({ folder, gateway }: Stack, started: AsyncDisposableStack): Promise<string> {
  const proxy = `127.0.0.1:${await freePort()}`
  const site = await adapted('apache.conf', {
    '*:8080': proxy,
    'http://gateway-1:8080': `http://${gateway.address}`,
    'BalancerMember http://gateway-2:8080 retry=2': '',
  })
  const config = join(folder, 'apache.conf')
  const lines = [
    `ServerRoot "${folder}"`,
    'ServerName localhost',
    `PidFile "${folder}/apache.pid"`,
    `DefaultRuntimeDir "${folder}"`,
    `Listen ${proxy}`,
    `ErrorLog "${folder}/error.log"`,
    ...[...loaded, ...forBalancers].map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`),
    process.getuid?.() === 0 ? recordOf('www-data') : '',
  ]
  await writeFile(config, `${lines.join('\n')}\n${site}`)
  // Its children run as another user.
  await chmod(folder, 0o755)
  started.use(await startBalancer('apache2', ['-f', config, '-DFOREGROUND'], proxy))
  return proxy
}

/** Sends a push, and counts the interim replies that come before the reply. */
function push(address: string, body: Buffer): { interims: () => number; status: Promise<number> } {
  let interims = 0
  const { promise: status, resolve, reject } = Promise.withResolvers<number>()
  const sent = request({
    ...target(address),
    path: '/project.git/git-receive-pack',
    method: 'POST',
    agent: false,
    headers: {
      'Content-Type': 'application/x-git-receive-pack-request',
      'Content-Length': body.length,
      'User-Agent': 'git/2.39.5',
    },
  })
  sent.on('information', () => interims++)
  sent.on('response', (reply) => {
    reply.resume()
    reply.on('end', () => resolve(reply.statusCode ?? 0)).on('error', reject)
  })
  sent.on('error', reject)
  sent.end(body)
  return { interims: () => interims, status }
}

const skip = skipWithout('apache2')

test('behind Apache, clones and large pushes are streamed, and a push may wait', { skip }, async () => {
  await using started = new AsyncDisposableStack()
  const stack = started.use(await startStack({ SLUICE_TRUSTED_PROXIES: '127.0.0.1', SLUICE_PUSH_SLOTS: '1' }))
  const { folder, root } = stack
  const project = join(root, 'project.git')
  await largeRepository(project)
  const proxy = await startApache(stack, started)

  const clone = await tryGit(folder, ['clone', '--quiet', `http://${proxy}/project.git`, 'cloned'])
  assert.equal(clone.code, 0, clone.stderr)
  const pushed = await tryGit(join(folder, 'cloned'), ['push', '--quiet', `http://${proxy}/new.git`, 'HEAD:main'])
  assert.equal(pushed.code, 0, pushed.stderr)
  assert.equal(await git(join(root, 'new.git'), ['cat-file', '-t', 'main']), 'commit')

  // A hook holds the only slot. Two pushes wait for it with large bodies.
  const { body, id } = await capturePush(folder, project)
  const go = join(folder, 'go')
  await mkdir(join(root, 'new.git/hooks'))
  await writeFile(join(root, 'new.git/hooks/pre-receive'), `#!/bin/sh\nwhile ! test -e ${go}; do sleep 0.1; done\n`, {
    mode: 0o755,
  })
  const held = tryGit(join(folder, 'cloned'), ['push', '--quiet', `${stack.url}/new.git`, 'HEAD:held'])
  const isHeld = async () => (await stack.status()).lanes.some(({ lane, running }) => lane === 'push' && running === 1)
  await until('the slot to be held', isHeld)
  started.defer(() => writeFile(go, ''))
  const direct = push(stack.gateway.address, body)
  const passedOn = push(proxy, body)
  // By the sixth, the push through Apache would have had some, too.
  await until('interim replies to who asks directly', () => direct.interims() >= 6)
  await writeFile(go, '')
  assert.equal((await held).code, 0)
  assert.equal(await passedOn.status, 200)
  assert.equal(await direct.status, 200)
  assert.equal(passedOn.interims(), 0)
  assert.equal(await git(project, ['rev-parse', 'main']), id)
  assert.doesNotMatch(await readFile(join(folder, 'error.log'), 'utf8'), /interim responses/)
})
