import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { untilStopped } from '@sluice/shared/app/stop-signal'
import { readConfig } from '@sluice/shared/config/read-config'
import { settings } from '@sluice/shared/config/settings'
import { readSettingsFile } from '@sluice/shared/config/settings-file'
import { checkAll } from '@sluice/shared/config/start-checks'
import { startChecksOfGateway } from '@sluice/gateway/start/start-checks'
import { startChecksOfHost } from '@sluice/gitworker/start/start-checks'
import { startApp } from '../start/app-process.ts'
import { createDemo } from '../start/demo-repository.ts'
import { clusterAnnouncement } from './cluster-announcement.ts'
import { checkEtcd, startEtcd } from './etcd-process.ts'
import { keepRunning } from './kept-process.ts'
import type { KeptProcess, Started } from './kept-process.ts'
import { openLog } from './log-file.ts'
import { environmentsOf } from './member-environments.ts'
import type { MemberEnvironment } from './member-environments.ts'
import type { Surfaces } from './surfaces.ts'
import { untilServing } from './until-serving.ts'

const project = fileURLToPath(new URL('../../../..', import.meta.url))
const mains = { host: 'apps/gitworker/src/main.ts', gateway: 'apps/gateway/src/main.ts' } as const

/**
 * Runs etcd, three hosts and two gateways on this machine, with a repository to try, and everything in one folder, until it
 * is stopped. Whatever is killed meanwhile comes back after a while.
 *
 * @throws {ConfigError} with all problems of the configuration, and of what it names, each once
 * @throws {CommandError} where there is no etcd, or the cluster does not come to serve
 */
export async function runCluster(
  named: string | undefined,
  given: NodeJS.ProcessEnv,
  surfaces: Surfaces,
): Promise<undefined> {
  const stopped = untilStopped()
  checkEtcd(given)
  const folder = resolve(named ?? join(project, 'var/cluster'))
  const environments = await environmentsOf(folder, given)
  const root = join(folder, 'repos')
  const { git } = await checkSettings(environments)
  if (await mkdir(root, { recursive: true })) await createDemo(join(root, 'demo.git'), git)

  // Disposed of in the opposite order: gateways stop before hosts, so that no request meets a host that has stopped.
  await using running = new AsyncDisposableStack()
  const stopping = new AbortController()
  void stopped.then(() => stopping.abort())
  const keep = (name: string, start: () => Promise<Started>) => keepRunning(name, start, surfaces, stopping.signal)
  const startAll = async (wanted: MemberEnvironment['kind']) => {
    const members = environments.members.filter(({ kind }) => kind === wanted)
    const starts = members.map(async ({ kind, name, env }) => {
      const { handle } = running.use(await openLog(folder, name))
      return await keep(name, () => startApp(name, join(project, mains[kind]), env, handle.fd))
    })
    return running.use(await together(starts))
  }
  const etcdLog = running.use(await openLog(folder, 'etcd'))
  running.use(await keep('etcd', () => startEtcd(folder, environments.etcd, environments.given, etcdLog)))
  const hosts = await startAll('host')
  const gateways = await startAll('gateway')
  const serving = untilServing(gateways.members[0]!.latest.operations!, folder, stopping.signal)
  if (await serving) surfaces.announce(clusterAnnouncement(folder, hosts.members, gateways.members))

  const { hurry } = await stopped
  const all = [...gateways.members, ...hosts.members]
  hurry.addEventListener('abort', () => all.forEach(({ latest }) => latest.hurry()))
  surfaces.say('\nStopping: running requests may finish. Ctrl-C again ends them at once.\n')
}

type Group = AsyncDisposable & { readonly members: readonly KeptProcess[] }

/** Started at once, and stopped at once. If one cannot start, those that could are stopped. */
async function together(starts: readonly Promise<KeptProcess>[]): Promise<Group> {
  const ends = await Promise.allSettled(starts)
  const members = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []))
  const stop = async () => void (await Promise.all(members.map((member) => member[Symbol.asyncDispose]())))
  for (const end of ends) {
    if (end.status === 'fulfilled') continue
    await stop()
    throw end.reason
  }
  return { members, [Symbol.asyncDispose]: stop }
}

/** @throws {ConfigError} with all that the members would find wrong */
async function checkSettings({ members, given }: Awaited<ReturnType<typeof environmentsOf>>) {
  const file = await readSettingsFile(given)
  const configs = members.map(({ kind, env }) => ({ kind, config: readConfig(settings, env, file) }))
  // The root is made later.
  await checkAll(
    configs.flatMap(({ kind, config }) =>
      kind === 'host' ? startChecksOfHost(config, () => undefined) : startChecksOfGateway(config),
    ),
  )
  return configs[0]!.config
}
