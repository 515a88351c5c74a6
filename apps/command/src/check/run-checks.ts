import type { GatewayConfig } from '@sluice/gateway/config/config'
import { readingChecksOfGateway } from '@sluice/gateway/start/start-checks'
import type { SupervisorConfig } from '@sluice/gitworker/config/config'
import { readingChecksOfHost } from '@sluice/gitworker/start/start-checks'
import { within } from '@sluice/shared/machine/race'
import type { Address } from '@sluice/shared/network/address'
import { isListening, whoAnswers } from '../ask/who-answers.ts'
import { checkPlace, checkSocketPath } from './check-addresses.ts'
import type { Place } from './check-addresses.ts'
import { checkCertificates } from './check-certificates.ts'
import { checkCluster } from './check-cluster.ts'
import { checkDisks } from './check-disks.ts'
import { checkAppendable, checkOwnFolder, checkSecret } from './check-folders.ts'
import { checkHooks } from './check-hooks.ts'
import { checkGatewayLimits, checkHostLimits } from './check-limits.ts'
import { checkLfsStorage } from './check-lfs-storage.ts'
import { checkMember } from './check-member.ts'
import { checkGitVersion, checkWorkers } from './check-programs.ts'
import { checkRules } from './rules/check-rules.ts'
import { checkHost, checkService } from './check-services.ts'
import { error, ok } from './findings/finding.ts'
import type { Finding } from './findings/finding.ts'
import { findingsOf } from './findings/from-start-checks.ts'

/** Everything that can be known of a supervisor before its start. */
export async function checkSupervisor(config: SupervisorConfig, path: string): Promise<Finding[]> {
  const { supervisor, supervisorOperations, runFolder, spoolFolder, hostTlsCertificate } = config
  const own: Place = { setting: 'SLUICE_SUPERVISOR', address: supervisor, hasTls: hostTlsCertificate !== undefined }
  const isRunning = (await whoAnswers(supervisor, own.hasTls)).who === 'sluice'
  return await allOf([
    ['git', () => checkGitVersion(config, path)],
    ['SLUICE_ROOT', () => checkRoot(config)],
    ['hooks', () => checkHooks(config)],
    ['SLUICE_RUN_FOLDER', () => checkOwnFolder('SLUICE_RUN_FOLDER', runFolder, isRunning)],
    [
      'SLUICE_SPOOL_FOLDER',
      () => (spoolFolder === 'auto' ? [] : checkOwnFolder('SLUICE_SPOOL_FOLDER', spoolFolder, isRunning)),
    ],
    ['workers', () => checkWorkersAndLimits(config)],
    ['disk', () => checkDisks(config)],
    ['SLUICE_SUPERVISOR', () => checkPlace(own)],
    ['SLUICE_CLUSTER', () => checkMember(config)],
    ['SLUICE_SUPERVISOR_OPERATIONS', () => checkOperations('SLUICE_SUPERVISOR_OPERATIONS', supervisorOperations)],
    ['SLUICE_ADMINISTRATION', () => checkAdministration(config.administration, isRunning)],
    ['SLUICE_LFS_S3_ENDPOINT', () => checkLfsStorage(config)],
    ['SLUICE_LFS_S3_SECRET_FILE', () => checkSecret('SLUICE_LFS_S3_SECRET_FILE', config.lfsS3SecretFile)],
    ['SLUICE_AUDIT_LOG', () => checkAppendable('SLUICE_AUDIT_LOG', config.auditLog)],
    ...filesOfTrust(config),
  ])
}

/** Everything that can be known of a gateway before its start. @param isAlone whether its host is not looked at, too */
export async function checkGateway(config: GatewayConfig, isAlone: boolean): Promise<Finding[]> {
  const { listen, gatewayOperations, tlsCertificate, tlsKey, reusePort } = config
  const { access, passwordFile, tokenFile, accessService } = config
  const own: Place = { setting: 'SLUICE_LISTEN', address: listen, hasTls: tlsCertificate !== undefined, reusePort }
  return await allOf([
    ['gateway', () => findingsOf('gateway', (log) => readingChecksOfGateway(config, log))],
    ['SLUICE_ACCESS_FILE', () => checkRules(config)],
    ['limits', () => checkGatewayLimits(config)],
    config.cluster === 'off'
      ? ['SLUICE_SUPERVISOR', () => checkHost(config, isAlone)]
      : ['SLUICE_ETCD', () => checkCluster(config)],
    ['SLUICE_ACCESS_SERVICE', () => (access === 'forward' ? checkService('SLUICE_ACCESS_SERVICE', accessService) : [])],
    ['SLUICE_LISTEN', () => checkPlace(own)],
    ['SLUICE_GATEWAY_OPERATIONS', () => checkOperations('SLUICE_GATEWAY_OPERATIONS', gatewayOperations)],
    ['SLUICE_TLS_CERTIFICATE', () => checkCertificates('SLUICE_TLS_CERTIFICATE', tlsCertificate)],
    ['SLUICE_TLS_KEY', () => checkSecret('SLUICE_TLS_KEY', tlsKey)],
    ['SLUICE_TOKEN_FILE', () => checkSecret('SLUICE_TOKEN_FILE', access === 'file' ? tokenFile : undefined)],
    ['SLUICE_PASSWORD_FILE', () => checkSecret('SLUICE_PASSWORD_FILE', access === 'file' ? passwordFile : undefined)],
    ...filesOfTrust(config),
  ])
}

/** What is about one thing. It may hang, where a disk or a service does not answer. */
type Section = readonly [about: string, check: () => Promise<Finding[]> | Finding[]]

/** A disk or a service that takes longer does not answer. */
const withinMs = 30_000

async function allOf(sections: readonly Section[]): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const section of sections) findings.push(...(await findingsIn(section)))
  return withoutRepeats(findings)
}

async function findingsIn([about, check]: Section): Promise<Finding[]> {
  try {
    const late = [
      error(about, `This was not known after ${withinMs / 1000} seconds: a disk or a service does not answer.`),
    ]
    return await within(withinMs, Promise.resolve(check()), late)
  } catch (thrown) {
    return [error(about, `This could not be looked at: ${thrown instanceof Error ? thrown.message : String(thrown)}.`)]
  }
}

/** What gateway and host have for each other. */
function filesOfTrust({
  hostTlsCertificate,
  hostTlsKey,
  hostTlsCa,
  hostSecretFile,
  otlpEndpoint,
}: TrustConfig): Section[] {
  return [
    ['SLUICE_HOST_TLS_CERTIFICATE', () => checkCertificates('SLUICE_HOST_TLS_CERTIFICATE', hostTlsCertificate)],
    ['SLUICE_HOST_TLS_CA', () => checkCertificates('SLUICE_HOST_TLS_CA', hostTlsCa)],
    ['SLUICE_HOST_TLS_KEY', () => checkSecret('SLUICE_HOST_TLS_KEY', hostTlsKey)],
    ['SLUICE_HOST_SECRET_FILE', () => checkSecret('SLUICE_HOST_SECRET_FILE', hostSecretFile)],
    ['SLUICE_OTLP_ENDPOINT', () => checkService('SLUICE_OTLP_ENDPOINT', otlpEndpoint)],
  ]
}

type TrustConfig = Pick<
  SupervisorConfig & GatewayConfig,
  'hostTlsCertificate' | 'hostTlsKey' | 'hostTlsCa' | 'hostSecretFile' | 'otlpEndpoint'
>

async function checkRoot(config: SupervisorConfig): Promise<Finding[]> {
  const findings = await findingsOf('supervisor', (log) => readingChecksOfHost(config, log))
  const hasRoot = !findings.some(({ what }) => what.startsWith('SLUICE_ROOT'))
  const right = config.createOnPush ? 'read and written to' : 'read'
  return [...(hasRoot ? [ok('SLUICE_ROOT', `${config.root} can be ${right}.`)] : []), ...findings]
}

/** How much workers need follows from how they are started. */
async function checkWorkersAndLimits(config: SupervisorConfig): Promise<Finding[]> {
  const { runtime, findings } = await checkWorkers(config)
  return [...findings, ...(await checkHostLimits(config, runtime))]
}

async function checkOperations(setting: string, address: Address | undefined): Promise<Finding[]> {
  return address === undefined ? [] : await checkPlace({ setting, address, hasTls: false })
}

/** In the runtime directory, which is checked by itself, unless it is elsewhere. It is no page that says whose it is. */
async function checkAdministration(
  address: SupervisorConfig['administration'],
  isRunning: boolean,
): Promise<Finding[]> {
  if (address === 'auto' || address?.kind !== 'unix') return []
  const setting = 'SLUICE_ADMINISTRATION'
  if (!(await isListening(address))) return await checkSocketPath(setting, address.path)
  if (isRunning) return [ok(setting, `The running supervisor listens on ${address.path}.`)]
  return [error(setting, `Another program listens on ${address.path}.`, `Stop it, or set ${setting} to another path.`)]
}

/** What both applications are told counts once. */
export function withoutRepeats(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((finding) => [finding.what, finding] as const).toReversed()).values()].toReversed()
}
