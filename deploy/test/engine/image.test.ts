import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { freePort } from '@sluice/shared/testing/free-port'
import { git, tryGit } from '@sluice/shared/testing/git'
import { largeRepository } from '@sluice/shared/testing/requests'
import { until } from '@sluice/shared/testing/until'
import { Container, podman, skipWithoutPodman as skip, tryPodman } from './podman.ts'

/** The image from deploy/Dockerfile, built and run. */

const megabytes = 500
/** What the first comment of the Dockerfile, and the manifests, let it do: nothing. */
const confined = [
  '--read-only',
  '--read-only-tmpfs=false',
  '--tmpfs=/tmp',
  '--cap-drop=ALL',
  '--security-opt=no-new-privileges',
]

type Pair = AsyncDisposable & { readonly host: Container; readonly gateway: Container; readonly url: string }

/** Both applications in two containers that share only a socket, as far from any right as can be. */
async function startPair(): Promise<Pair> {
  await using started = new AsyncDisposableStack()
  const volumes = await Promise.all(['git', 'run'].map(async () => podman('volume', 'create')))
  for (const volume of volumes) started.defer(async () => void (await tryPodman('volume', 'rm', '--force', volume)))
  const mounts = [`--volume=${volumes[0]}:/srv/git`, `--volume=${volumes[1]}:/run/sluice`]
  const env = (values: Record<string, string>) =>
    Object.entries(values).map(([name, value]) => `--env=${name}=${value}`)
  const port = await freePort()
  const limits = ['--pids-limit=512', '--memory=2g', '--network=none']
  const host = started.use(
    await Container.start(...confined, ...limits, ...mounts, ...env({ SLUICE_CREATE_ON_PUSH: 'on' }), 'sluice'),
  )
  const open = { SLUICE_LISTEN: '0.0.0.0:8080', SLUICE_OPEN_TO_NETWORK: 'everyone on this network may read and push' }
  const published = [`--publish=127.0.0.1:${port}:8080`, `--env=SLUICE_HOST_NAMES=localhost`]
  const gateway = started.use(
    await Container.start(...confined, ...mounts, ...published, ...env(open), 'sluice', 'gateway'),
  )
  await Promise.all([host.healthy(), gateway.healthy()])
  const all = started.move()
  return { host, gateway, url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => all.disposeAsync() }
}

test('the image is small, and has nothing that is not needed to run', { skip }, async () => {
  const size = Number(await podman('image', 'inspect', '--format', '{{.Size}}', 'sluice'))
  assert.ok(size < megabytes * 1e6, `${Math.round(size / 1e6)} MB`)
  const list = await podman('run', '--rm', '--network=none', '--user=0', '--entrypoint=find', 'sluice', '/opt', '/mnt', '/root', '/tmp', '/var/cache', '/var/lib/apt/lists') // prettier-ignore
  const unwanted = /\/(typescript|turbo|oxlint|npm|\.npm|_cacache|test|testing|include)(\/|$)|\.deb$|_Packages$/
  // A package's own folders are its own business.
  const ours = list
    .split('\n')
    .filter((path) => unwanted.test(path) && !/node_modules\/.*\/(test|testing)(\/|$)/.test(path))
  assert.deepEqual(ours, [])
})

test('the image says what it is, and how it is run, stopped and asked whether it is well', { skip }, async () => {
  const [image] = JSON.parse(await podman('image', 'inspect', 'sluice')) as [
    {
      Config: { User: string; StopSignal: string; Labels: Record<string, string>; Env: string[] }
      Healthcheck: { Test: string[] }
    },
  ]
  const { Config: config, Healthcheck: check } = image
  const { version } = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string } // prettier-ignore
  assert.equal(config.User, '10001:10001')
  assert.equal(config.StopSignal, 'SIGTERM')
  assert.equal(config.Labels['org.opencontainers.image.title'], 'Sluice')
  assert.equal(config.Labels['org.opencontainers.image.version'], version)
  assert.equal(config.Labels['org.opencontainers.image.licenses'], 'MIT')
  assert.deepEqual(check.Test, ['CMD', '/opt/sluice/deploy/entrypoint.sh', 'health'])
  // How the builder reached its registries is its own business.
  assert.deepEqual(config.Env.map((entry) => entry.split('=')[0]), ['PATH']) // prettier-ignore
})

test('nobody inside may change the application, and a wrong command or setting ends in words', { skip }, async () => {
  const writable = await podman('run', '--rm', '--network=none', '--entrypoint=find', 'sluice', '/opt', '-writable', '-not', '-type', 'l') // prettier-ignore
  assert.equal(writable, '')
  const unknown = await tryPodman('run', '--rm', '--network=none', 'sluice', 'serve')
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /Unknown command 'serve'/)
  const wrong = await tryPodman('run', '--rm', '--network=none', '--env=SLUICE_DRAIN_TIMEOUT=soon', 'sluice')
  assert.equal(wrong.code, 78)
  assert.match(wrong.stderr + wrong.stdout, /SLUICE_DRAIN_TIMEOUT/)
  assert.match(await podman('run', '--rm', '--network=none', 'sluice', '--version'), /^\d+\.\d+\.\d+/)
})

test('read-only and without rights, it takes a push, serves clones, and stops with 0', { skip }, async () => {
  await using pair = await startPair()
  await using folder = await temporaryFolder()
  const { host, gateway, url } = pair
  // No compiler, no headers and no library for developers are in the image.
  const start = await host.listening()
  assert.equal(start['runtime'], 'launcher')
  // Slots follow the container's own limits, not the machine's.
  const slots = await host.line('its slots', ({ msg }) => String(msg).startsWith('slots for'))
  assert.match(String(slots['processes']), /of 512/)
  assert.match(String(slots['memory']), /of 2048 MiB/)

  await largeRepository(join(folder.path, 'large.git'))
  await git(join(folder.path, 'large.git'), ['push', '--quiet', `${url}/team/large.git`, 'main'])
  await git(folder.path, ['clone', '--quiet', `${url}/team/large.git`, 'first'])
  assert.equal(await git(join(folder.path, 'first'), ['rev-parse', 'HEAD']), await git(join(folder.path, 'large.git'), ['rev-parse', 'main'])) // prettier-ignore

  // A clone that is running when the gateway is told to stop is finished.
  const clone = tryGit(folder.path, ['clone', '--quiet', `${url}/team/large.git`, 'second'])
  await until('the clone to run', async () => (await gateway.lines()).some(({ outcome }) => outcome === 'completed'))
  assert.equal(await gateway.stop(), 0, await gateway.output())
  const { code, stderr } = await clone
  assert.ok(code === 0 || /Connection refused|Failed to connect/.test(stderr), stderr)
  assert.equal(await host.stop(), 0, await host.output())
  const last = await host.line('that it has stopped', ({ msg }) => msg === 'stopped')
  assert.deepEqual(last['leaked'], { processes: 0, zombies: 0 })
})

test('a worker that is killed leaves no process and no zombie in the container', { skip }, async () => {
  await using pair = await startPair()
  await using folder = await temporaryFolder()
  const { host, url } = pair
  await git(folder.path, ['init', '--quiet', 'work'])
  const work = join(folder.path, 'work')
  await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'First'])
  await git(work, ['push', '--quiet', `${url}/new.git`, 'HEAD:main'])
  // A hook that leaves its session, and waits for ever: only who reaps orphans sees it.
  const hook = '#!/bin/sh\\nsetsid sleep 1000 </dev/null >/dev/null 2>&1 &\\nsleep 1000\\n'
  await host.sh(`mkdir -p /srv/git/new.git/hooks && printf '${hook}' >/srv/git/new.git/hooks/pre-receive && chmod +x /srv/git/new.git/hooks/pre-receive`) // prettier-ignore
  const pushed = tryGit(work, ['push', '--quiet', `${url}/new.git`, 'HEAD:other'])
  const sleepers = () => processes(host, 'sleep')
  await until('the hook to sleep', async () => (await sleepers()).length === 2)
  const [sleeper] = await sleepers()
  const worker = await host.sh(`cat /proc/${sleeper!.pid}/environ | tr '\\0' '\\n' | grep -c IN_SLUICE`)
  assert.equal(worker, '1')
  await host.sh(`kill -9 $(for p in /proc/[0-9]*; do grep -qs '^sluice-worker' $p/comm && echo \${p#/proc/}; done)`)
  assert.notEqual((await pushed).code, 0)
  await until('everything to be gone', async () => (await sleepers()).length === 0)
  await until('no zombie to be left', async () => (await processes(host)).every(({ state }) => state !== 'Z'))
})

/** What runs in the container, as its own /proc has it. */
async function processes(container: Container, name?: string): Promise<{ pid: number; name: string; state: string }[]> {
  const all = await container.sh('cat /proc/[0-9]*/stat 2>/dev/null || true')
  return all
    .split('\n')
    .flatMap((line) => {
      const [, pid, comm, state] = /^(\d+) \((.*)\) (\w)/.exec(line) ?? []
      return pid === undefined ? [] : [{ pid: Number(pid), name: comm!, state: state! }]
    })
    .filter((one) => name === undefined || one.name === name)
}
