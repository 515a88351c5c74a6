import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { untilStopped } from '@sluice/shared/app/stop-signal'
import { readConfig } from '@sluice/shared/config/read-config'
import { settings } from '@sluice/shared/config/settings'
import { readSettingsFile } from '@sluice/shared/config/settings-file'
import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import { openCoordinator } from '@sluice/shared/coordinator/open/open-coordinator'
import { silentLog } from '@sluice/shared/telemetry/log'
import { checkAll } from '@sluice/shared/config/start-checks'
import { startChecksOfGateway } from '@sluice/gateway/start/start-checks'
import { startChecksOfHost } from '@sluice/gitworker/start/start-checks'
import type { Ending } from '../start/child-end.ts'
import { clusterAnnouncement, hasDemo, killAnnouncement } from './cluster-announcement.ts'
import { ClusterMembers } from './cluster-members.ts'
import { demoSlot } from './demo-slot.ts'
import type { DemoSlot } from './demo-slot.ts'
import { checkEtcd } from './etcd-process.ts'
import { environmentsOf, hosts } from './member-environments.ts'
import type { Environments } from './member-environments.ts'
import type { Surfaces } from './surfaces.ts'
import { untilSettled } from './until-settled.ts'

/** With a disk for each host. */
const usualCopies = 2

const project = fileURLToPath(new URL('../../../..', import.meta.url))

/**
 * Runs etcd, three hosts and two gateways on this machine, with a repository to try, and everything in one folder, until it
 * is stopped. Whatever is killed meanwhile comes back after a while.
 *
 * @throws {ConfigError} with all problems of the configuration, and of what it names, each once
 * @throws {CommandError | EndedError} where there is no etcd, or the cluster does not come to serve
 */
export async function runCluster(
  named: string | undefined,
  given: NodeJS.ProcessEnv,
  surfaces: Surfaces,
): Promise<undefined> {
  const { ending, stopped } = endingOf(untilStopped(), surfaces)
  checkEtcd(given)
  const folder = resolve(named ?? join(project, 'var/cluster'))
  const environments = await environmentsOf(folder, given)
  const configs = await checkSettings(environments)
  await Promise.all(configs.map(({ root }) => mkdir(root, { recursive: true })))

  await using coordinator = await openCoordinator(configs[0]!, silentLog)
  const demo = demoIn(folder, coordinator, environments, configs[0]!)
  await using members = new ClusterMembers(folder, environments, demo, ending)
  surfaces.say(`\n  Starting etcd, three hosts and two gateways in ${folder}.\n`)
  try {
    await members.start()
  } catch (error) {
    if (ending.stopping.aborted) return
    throw error
  }
  if (ending.stopping.aborted) return
  members.keep(surfaces)
  surfaces.announce(clusterAnnouncement(folder, members, members.demoRecord))
  await Promise.all([stopped, sayWhomToKill(folder, members, surfaces, ending.stopping)])
}

/** Not before all is in its place: the slot of the repository to try may move until then. */
async function sayWhomToKill(
  folder: string,
  members: ClusterMembers,
  surfaces: Surfaces,
  over: AbortSignal,
): Promise<void> {
  const primary = await untilSettled(members.gateways[0]!.latest.operations!, 'demo', over)
  const host = members.hosts.find(({ name }) => name === primary)
  if (host) surfaces.say(killAnnouncement(host, hasDemo(folder, members.demoRecord)))
}

/** Ctrl-C once: all end when their requests have. Twice: at once. */
function endingOf(wish: ReturnType<typeof untilStopped>, surfaces: Surfaces) {
  const stopping = new AbortController()
  const hurrying = new AbortController()
  const listen = async () => {
    const { hurry } = await wish
    hurry.addEventListener('abort', () => hurrying.abort())
    surfaces.say('\nStopping: running requests may finish. Ctrl-C again ends them at once.\n')
    stopping.abort()
  }
  const ending: Ending = { stopping: stopping.signal, hurrying: hurrying.signal }
  return { ending, stopped: listen() }
}

type HostConfig = Awaited<ReturnType<typeof checkSettings>>[number]

function demoIn(folder: string, coordinator: Coordinator, environments: Environments, config: HostConfig): DemoSlot {
  const { etcdPrefix, root, git } = config
  const copies = config.copies === 'auto' ? usualCopies : Math.min(config.copies, hosts)
  return demoSlot(coordinator, etcdPrefix, { name: environments.members[0]!.name, root }, { copies, git, folder })
}

/** @returns the settings of each host @throws {ConfigError} with all that the members would find wrong */
async function checkSettings({ members, given }: Awaited<ReturnType<typeof environmentsOf>>) {
  const file = await readSettingsFile(given)
  const configs = members.map(({ kind, env }) => ({ kind, config: readConfig(settings, env, file) }))
  // The root is made later.
  await checkAll(
    configs.flatMap(({ kind, config }) =>
      kind === 'host' ? startChecksOfHost(config, () => undefined) : startChecksOfGateway(config),
    ),
  )
  return configs.flatMap(({ kind, config }) => (kind === 'host' ? [config] : []))
}
