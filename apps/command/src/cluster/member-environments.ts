import { join } from 'node:path'
import { readSettingsFile } from '@sluice/shared/config/settings-file'
import { usualAddress } from '../start/usual-address.ts'
import type { EtcdAddresses } from './etcd-process.ts'

/** How many there are. */
export const hosts = 3
const gateways = 2

/** The ports of the first one of each kind; the others follow. The first gateway's own is SLUICE_LISTEN. */
const ports = { etcd: 23_790, host: 9001, hostPages: 9011, gateway: 8080, gatewayPages: 8081, perGateway: 10 } as const

export type MemberEnvironment = {
  readonly kind: 'host' | 'gateway'
  readonly name: string
  readonly env: NodeJS.ProcessEnv
}

export type Environments = {
  /** What was given, without empty variables. */
  readonly given: NodeJS.ProcessEnv
  readonly etcd: EtcdAddresses
  readonly members: readonly MemberEnvironment[]
}

/**
 * What each member of a cluster on this machine is started with. Settings that are given, or that are in the settings file,
 * win over the defaults, but for those that make them one cluster.
 */
export async function environmentsOf(folder: string, environment: NodeJS.ProcessEnv): Promise<Environments> {
  // An empty variable counts as not set, as everywhere.
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const file = await readSettingsFile(given)
  const missing = Object.entries(defaults()).filter(([variable]) => !file?.entries.has(variable))
  const etcd = { clients: await usualAddress(ports.etcd), peers: await usualAddress(ports.etcd + 1) }
  const common = { ...Object.fromEntries(missing), ...given, ...clusterSettings(etcd) }
  return {
    given,
    etcd,
    members: [
      ...(await Promise.all(numbers(hosts).map((number) => hostEnvironment(number, folder, common)))),
      ...(await Promise.all(numbers(gateways).map((number) => gatewayEnvironment(number, common)))),
    ],
  }
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}

function defaults(): Record<string, string> {
  return { SLUICE_CREATE_ON_PUSH: 'on', SLUICE_DRAIN_TIMEOUT: '5s' }
}

function clusterSettings({ clients }: EtcdAddresses): Record<string, string> {
  return {
    SLUICE_CLUSTER: 'etcd',
    SLUICE_ETCD: `http://${clients}`,
    SLUICE_STORAGE: 'own',
  }
}

async function hostEnvironment(number: number, folder: string, common: NodeJS.ProcessEnv): Promise<MemberEnvironment> {
  const name = `host-${number + 1}`
  const env = {
    ...common,
    SLUICE_HOST_NAME: name,
    SLUICE_ROOT: join(folder, 'disks', name),
    SLUICE_SUPERVISOR: await usualAddress(ports.host + number),
    SLUICE_SUPERVISOR_OPERATIONS: await usualAddress(ports.hostPages + number),
    SLUICE_RUN_FOLDER: join(folder, name),
  }
  return { kind: 'host', name, env }
}

async function gatewayEnvironment(number: number, common: NodeJS.ProcessEnv): Promise<MemberEnvironment> {
  const further = number * ports.perGateway
  // The first one listens where any gateway does by default, or where SLUICE_LISTEN says.
  const listen = number === 0 ? {} : { SLUICE_LISTEN: await usualAddress(ports.gateway + further) }
  const env = {
    ...common,
    ...listen,
    SLUICE_GATEWAY_OPERATIONS: await usualAddress(ports.gatewayPages + further),
  }
  return { kind: 'gateway', name: `gateway-${number + 1}`, env }
}
