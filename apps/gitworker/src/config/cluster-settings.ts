import { hostname } from 'node:os'
import { ConfigError } from '@sluice/shared/config/config-error'
import { checkCoordinatorSettings } from '@sluice/shared/coordinator/open/open-coordinator'
import { formatAddress } from '@sluice/shared/network/address'
import type { Address } from '@sluice/shared/network/address'
import { formatVersion } from '@sluice/shared/placement/format'
import type { ClusterFormat } from '@sluice/shared/placement/format'
import { slotCount } from '@sluice/shared/placement/slot'
import { hostName } from '@sluice/shared/placement/slot-record'
import type { SupervisorConfig } from './config.ts'

/**
 * What can be known of a host's part in a cluster without asking etcd.
 *
 * @throws {ConfigError} where settings do not fit together, or gateways could not reach this host
 */
export function checkClusterSettings(config: SupervisorConfig): void {
  checkCoordinatorSettings(config)
  if (config.cluster === 'off') return
  checkAddress(config)
  checkCopies(config)
  nameOf(config)
}

/** What this host wants its cluster to agree on. */
export function formatOf(config: Pick<SupervisorConfig, 'storage' | 'copies'>): ClusterFormat {
  return { version: formatVersion, slots: slotCount, storage: config.storage, copies: copiesOf(config) }
}

/** @throws {ConfigError} where the name of the machine cannot be that of a host */
export function nameOf({ hostName: named }: Pick<SupervisorConfig, 'hostName'>): string {
  if (named !== 'auto') return named
  const machine = hostname().toLowerCase()
  if (hostName.safeParse(machine).success) return machine
  throw new ConfigError([
    `SLUICE_HOST_NAME=auto: the name of this machine, ${JSON.stringify(machine)}, cannot be that of a host. Set a name of lower-case letters, digits, dots and dashes.`,
  ])
}

type AddressConfig = Pick<SupervisorConfig, 'hostAddress' | 'supervisor'>

/** @throws {ConfigError} where gateways could not reach this host */
function checkAddress({ hostAddress, supervisor }: AddressConfig): void {
  const isOwn = hostAddress === 'auto'
  const address = isOwn ? supervisor : hostAddress
  const setting = isOwn ? 'SLUICE_SUPERVISOR' : 'SLUICE_HOST_ADDRESS'
  const advice = 'Gateways need an address of this host that they can reach: set SLUICE_HOST_ADDRESS to host:port.'
  if (address.kind === 'unix')
    throw new ConfigError([`${setting}=${formatAddress(address)} is a unix socket. ${advice}`])
  if (['0.0.0.0', '::'].includes(address.host)) {
    throw new ConfigError([`${setting}=${formatAddress(address)} stands for all addresses of this machine. ${advice}`])
  }
}

/** @throws {ConfigError} where no push could ever be taken */
function checkCopies({ storage, copies, minInSync }: Pick<SupervisorConfig, 'storage' | 'copies' | 'minInSync'>): void {
  const most = copiesOf({ storage, copies })
  if (minInSync === 1 || (storage === 'own' && minInSync <= most)) return
  throw new ConfigError([
    storage === 'shared'
      ? `SLUICE_MIN_IN_SYNC=${minInSync} is for SLUICE_STORAGE=own: with one folder for all hosts there are no copies. Remove it.`
      : `SLUICE_MIN_IN_SYNC=${minInSync} is more than SLUICE_COPIES=${most}, so no push would ever be taken. Set SLUICE_COPIES=${minInSync} at least.`,
  ])
}

function copiesOf({ storage, copies }: Pick<SupervisorConfig, 'storage' | 'copies'>): number {
  return copies === 'auto' ? { own: 2, shared: 1 }[storage] : copies
}

/** Where gateways reach this host. @param listening where it listens */
export function addressOf({ hostAddress }: AddressConfig, listening: Address): string {
  return formatAddress(hostAddress === 'auto' ? listening : hostAddress)
}
