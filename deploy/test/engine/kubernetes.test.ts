import assert from 'node:assert/strict'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { hash } from '@node-rs/bcrypt'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, tryGit } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import { until } from '@sluice/shared/testing/until'
import { makeNetwork, startPod, workloadIn } from './pods.ts'
import { skipWithoutPodman as skip } from './podman.ts'
import type { Container } from './podman.ts'

/** The pods of the manifests, without a cluster: what their containers are told, may do, and find in their volumes. */

const example = fileURLToPath(new URL('../../../examples/file/access.yaml', import.meta.url))

async function makeSecrets(folder: string): Promise<void> {
  await mkdir(join(folder, 'sluice-host'), { recursive: true })
  await mkdir(join(folder, 'sluice-access'))
  await writeFile(join(folder, 'sluice-host/secret'), 'ab'.repeat(32))
  await writeFile(join(folder, 'sluice-access/htpasswd'), `ann:${await hash('secret', 4)}\n`)
  await cp(example, join(folder, 'sluice-access/access.yaml'))
}

/** The address of a port of a pod, as the node's own probes use it. */
async function addressOf(pod: Container, port: number): Promise<string> {
  const networks = await pod.inspect<Record<string, { IPAddress: string }>>('.NetworkSettings.Networks')
  return `${Object.values(networks)[0]!.IPAddress}:${port}`
}

test(
  'the pods of the manifests start as they are told, serve, are probed, and stop in their time',
  { skip },
  async () => {
    await using folder = await temporaryFolder()
    const secrets = join(folder.path, 'secrets')
    await makeSecrets(secrets)
    const network = 'test-cluster'
    await using _network = await makeNetwork(network)
    const node = { network, secrets, folder: join(folder.path, 'node') }
    await using host = await startPod(await workloadIn('gitworker.yaml'), ['gitworker-0.gitworker'], node)
    await using gateway = await startPod(await workloadIn('gateway.yaml'), ['gateway'], node)
    const address = await addressOf(gateway, 8080)
    for (const [pod, ports] of [
      [host, [9090]],
      [gateway, [8080]],
    ] as const) {
      for (const port of ports) {
        const at = await addressOf(pod, port)
        const is = async (path: string) => (await ask(at, path).catch(() => undefined))?.status === 200
        await until(`${at} to be alive`, async () => is('/healthz'))
        await until(`${at} to be ready`, async () => is('/readyz'))
      }
    }
    assert.equal((await ask(await addressOf(host, 9081), '/metrics')).status, 200)
    assert.equal((await ask(await addressOf(gateway, 9080), '/metrics')).status, 200)

    await git(folder.path, ['init', '--quiet', 'work'])
    const work = join(folder.path, 'work')
    await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'First'])
    await git(work, ['push', '--quiet', `http://ann:secret@${address}/backend/new.git`, 'HEAD:main'])
    await git(folder.path, ['clone', '--quiet', `http://ann:secret@${address}/backend/new.git`, 'cloned'])
    const stranger = await tryGit(folder.path, ['clone', '--quiet', `http://${address}/backend/new.git`, 'no'])
    assert.match(stranger.stderr, /could not read Username/)
    // A hook may write to /tmp, and nowhere else outside of the repositories.
    await host.sh('echo x >/tmp/x && ! echo x >/opt/x 2>/dev/null')

    // The gateway's drain delay and the rest are shorter than the pod's time.
    assert.equal(await gateway.stop(75), 0, await gateway.output())
    assert.equal(await host.stop(75), 0, await host.output())
  },
)
