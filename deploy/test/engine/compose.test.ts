import assert from 'node:assert/strict'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { hash } from '@node-rs/bcrypt'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, tryGit } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import { childrenOf } from '@sluice/shared/testing/processes'
import { until } from '@sluice/shared/testing/until'
import { BusyClones } from './busy-clones.ts'
import { Composition } from './compose.ts'
import { podman, skipWithoutPodman as skip } from './podman.ts'
import type { Container } from './podman.ts'

/** Both compose files, up and down, on ports that nobody else has: `run.sh` gives this process a network of its own. */

const project = fileURLToPath(new URL('../../..', import.meta.url))

async function commit(folder: string): Promise<string> {
  await git(folder, ['init', '--quiet', 'work'])
  const work = join(folder, 'work')
  await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'First'])
  return work
}

const ready = async (address: string) =>
  until(`${address} to be ready`, async () => (await ask(address, '/readyz').catch(() => undefined))?.status === 200)

test('the compose file of the examples takes a push and serves a clone', { skip }, async () => {
  await using folder = await temporaryFolder()
  await using _containers = await Composition.up(join(project, 'examples/compose/compose.yaml'))
  await ready('127.0.0.1:8080')
  const work = await commit(folder.path)
  await git(work, ['push', '--quiet', 'http://127.0.0.1:8080/team/project.git', 'HEAD'])
  await git(folder.path, ['clone', '--quiet', 'http://localhost:8080/team/project.git', 'cloned'])
})

test(
  'compose.yaml does what its first lines say: log-ins, two gateways, restarts that nobody notices',
  { skip },
  async () => {
    await using folder = await temporaryFolder()
    const deploy = join(folder.path, 'deploy')
    await mkdir(join(deploy, 'config'), { recursive: true })
    await cp(join(project, 'deploy/compose.yaml'), join(deploy, 'compose.yaml'))
    // This process may not give a container more descriptors than it has itself.
    const balancer = await readFile(join(project, 'deploy/haproxy.cfg'), 'utf8')
    await writeFile(join(deploy, 'haproxy.cfg'), balancer.replace('maxconn 20000', 'maxconn 2000'))
    await writeFile(join(deploy, 'config/htpasswd'), `ann:${await hash('secret', 4)}\n`)
    await cp(join(project, 'examples/file/access.yaml'), join(deploy, 'config/access.yaml'))

    await using containers = await Composition.up(join(deploy, 'compose.yaml'))
    await ready('127.0.0.1:8080')
    const work = await commit(folder.path)
    const url = 'http://ann:secret@127.0.0.1:8080/backend/new.git'
    await git(work, ['push', '--quiet', url, 'HEAD:main'])
    const stranger = await tryGit(folder.path, ['clone', '--quiet', 'http://127.0.0.1:8080/backend/new.git', 'no'])
    assert.match(stranger.stderr, /could not read Username/)
    assert.equal((await ask('127.0.0.1:9081', '/metrics')).status, 200)

    // HAProxy names the client, and is believed.
    const gateways = ['gateway-1', 'gateway-2'].map((name) => containers.container(name))
    const lines = (await Promise.all(gateways.map(async (gateway) => gateway.lines()))).flat()
    const clients = lines.map(({ client }) => client).filter((client) => client !== undefined)
    assert.ok(clients.length > 0)
    assert.ok(!clients.includes('172.30.0.2'), JSON.stringify(clients))

    // Each gateway is made anew while somebody clones.
    const timesSaid = async (service: string, state: string) =>
      (await containers.container('haproxy').output()).split(`Server gateways/${service} is ${state}`).length
    for (const gateway of gateways) {
      await gateway.healthy()
      const isUp = async () => (await timesSaid(gateway.name, 'UP')) >= (await timesSaid(gateway.name, 'DOWN'))
      await until(`HAProxy to use ${gateway.name}`, isUp)
    }
    await using busy = new BusyClones(folder.path, url)
    for (const service of ['gateway-1', 'gateway-2']) {
      const gateway = containers.container(service)
      const said = async (state: string) => timesSaid(service, state)
      const [downs, ups] = [await said('DOWN'), await said('UP')]
      await busy.some()
      assert.equal(await gateway.stop(75), 0, await gateway.output())
      await until(`HAProxy to miss ${service}`, async () => (await said('DOWN')) > downs)
      await podman('rm', gateway.name)
      await containers.start(service)
      // It may have another address, which HAProxy finds by its name.
      await until(`HAProxy to use ${service}`, async () => (await said('UP')) > ups)
    }
    assert.deepEqual(await busy.stop(), [])
    // While the second was away, the first in its new place served them all.
    const served = await containers.container('gateway-1').lines()
    assert.ok(served.some(({ outcome }) => outcome === 'completed'))

    // The supervisor is killed: it is started again, and has its repositories.
    const host = containers.container('supervisor')
    await killSupervisor(host)
    const runsAgain = async () =>
      Number(await host.inspect('.RestartCount')) > 0 && (await host.inspect('.State.Running')) === true
    await until('it to run again', runsAgain)
    await host.healthy()
    await git(folder.path, ['clone', '--quiet', url, 'after'])
    assert.equal(await host.stop(75), 0, await host.output())
  },
)

/**
 * Ends the process below tini, as the kernel does when memory is short. From outside: podman may wait for ever for what it has
 * begun in a container that ends meanwhile.
 */
async function killSupervisor(host: Container): Promise<void> {
  const [supervisor] = await childrenOf(await host.inspect<number>('.State.Pid'))
  process.kill(supervisor!, 'SIGKILL')
}
