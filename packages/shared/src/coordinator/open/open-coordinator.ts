import { ConfigError } from '../../config/config-error.ts'
import type { TlsPaths } from '../../http/tls-files.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { Coordinator } from '../coordinator.ts'
import { checkMembers } from '../etcd/members/check-members.ts'
import { openConnection } from '../etcd/members/connection.ts'
import { EtcdCoordinator } from '../etcd/etcd-coordinator.ts'
import type { Credentials } from '../etcd/members/login.ts'
import { MemberClient } from '../etcd/members/member-client.ts'
import { Members } from '../etcd/members/members.ts'
import { InProcessCoordinator } from '../in-process/in-process-coordinator.ts'

/** The settings of `config/settings/cluster.ts` that lead to the coordinator. */
export type CoordinatorConfig = {
  readonly cluster: 'off' | 'etcd'
  readonly etcd: readonly string[] | undefined
  readonly etcdPrefix: string
  readonly etcdUser: string | undefined
  readonly etcdPasswordFile: string | undefined
  readonly etcdTlsCa: string | undefined
  readonly etcdTlsCertificate: string | undefined
  readonly etcdTlsKey: string | undefined
}

/**
 * Opens the coordinator that the settings name. It opens also while no member of etcd can be reached.
 *
 * @throws {ConfigError} where settings do not fit together, files cannot be used, etcd refuses the user, or the members are
 *   of several clusters or of none
 */
export async function openCoordinator(config: CoordinatorConfig, log: Logger): Promise<Coordinator> {
  checkCoordinatorSettings(config)
  if (config.cluster === 'off') return new InProcessCoordinator()
  const endpoints = inRandomOrder(config.etcd ?? [])
  await using opened = new AsyncDisposableStack()
  const connection = opened.use(await openConnection(tlsOf(config), log))
  const client = new MemberClient(connection, credentialsOf(config), `${config.etcdPrefix}format`)
  await checkMembers(endpoints, client, log)
  opened.move()
  return new EtcdCoordinator(new Members(endpoints, client, log), connection)
}

/**
 * Checks whether the settings that lead to the coordinator fit together. A host that is meant to be one of several, and
 * works alone on a shared folder, would be fenced by nobody.
 *
 * @throws {ConfigError} with all that does not fit
 */
export function checkCoordinatorSettings(config: CoordinatorConfig): void {
  const { cluster, etcd = [], etcdUser, etcdPasswordFile } = config
  const problems: string[] = []
  if (cluster === 'off') {
    if (etcd.length === 0) return
    throw new ConfigError([
      'SLUICE_ETCD is set, and SLUICE_CLUSTER is off: set SLUICE_CLUSTER=etcd, or remove SLUICE_ETCD.',
    ])
  }
  if (etcd.length === 0) problems.push('SLUICE_CLUSTER=etcd needs SLUICE_ETCD: the addresses of etcd’s members.')
  if ((etcdUser === undefined) !== (etcdPasswordFile === undefined)) {
    problems.push('SLUICE_ETCD_USER and SLUICE_ETCD_PASSWORD_FILE belong together: set both, or none.')
  }
  const hasTls = Object.values(tlsOf(config)).some((path) => path !== undefined)
  const plain = etcd.find((endpoint) => !endpoint.startsWith('https:'))
  if (hasTls && plain !== undefined) {
    problems.push(`SLUICE_ETCD_TLS_CA, _CERTIFICATE and _KEY are for https, and SLUICE_ETCD has ${plain}.`)
  }
  if (problems.length > 0) throw new ConfigError(problems)
}

/** Everybody starts with another one, so that all have their share. */
function inRandomOrder(etcd: readonly string[]): string[] {
  const first = Math.floor(Math.random() * etcd.length)
  return [...new Set([...etcd.slice(first), ...etcd.slice(0, first)])]
}

function tlsOf({ etcdTlsCa: ca, etcdTlsCertificate: certificate, etcdTlsKey: key }: CoordinatorConfig): TlsPaths {
  return { ca, certificate, key }
}

function credentialsOf({ etcdUser: user, etcdPasswordFile: passwordFile }: CoordinatorConfig): Credentials | undefined {
  return user === undefined || passwordFile === undefined ? undefined : { user, passwordFile }
}
