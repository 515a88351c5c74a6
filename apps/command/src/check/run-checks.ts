import type { GatewayConfig } from '@sluice/gateway/config/config'
import { readingChecksOfGateway } from '@sluice/gateway/start/start-checks'
import type { SupervisorConfig } from '@sluice/gitworker/config/config'
import { readingChecksOfHost } from '@sluice/gitworker/start/start-checks'
import type { Address } from '@sluice/shared/network/address'
import { checkPlace } from './check-addresses.ts'
import { checkCertificates } from './check-certificates.ts'
import { checkDisks } from './check-disks.ts'
import { checkOwnFolder, checkSecret } from './check-folders.ts'
import { checkGatewayLimits, checkHostLimits } from './check-limits.ts'
import { checkGitVersion, checkWorkers } from './check-programs.ts'
import { checkRules } from './rules/check-rules.ts'
import { checkHost, checkService } from './check-services.ts'
import { ok } from './findings/finding.ts'
import type { Finding } from './findings/finding.ts'
import { findingsOf } from './findings/from-start-checks.ts'

/** Everything that can be known of a supervisor before its start. */
export async function checkSupervisor(config: SupervisorConfig, path: string): Promise<Finding[]> {
  const { supervisor, supervisorOperations, runFolder, spoolFolder, hostTlsCertificate, hostTlsKey } = config
  const { runtime, findings: workers } = await checkWorkers(config)
  return withoutRepeats([
    ...(await checkGitVersion(config, path)),
    ...(await rootFindings(config)),
    await checkOwnFolder('SLUICE_RUN_FOLDER', runFolder),
    ...(spoolFolder === 'auto' ? [] : [await checkOwnFolder('SLUICE_SPOOL_FOLDER', spoolFolder)]),
    ...workers,
    ...(await checkHostLimits(config, runtime)),
    ...(await checkDisks(config)),
    ...(await checkService('SLUICE_OTLP_ENDPOINT', config.otlpEndpoint)),
    ...(await placeFindings([
      { setting: 'SLUICE_SUPERVISOR', address: supervisor, hasTls: hostTlsCertificate !== undefined },
      { setting: 'SLUICE_SUPERVISOR_OPERATIONS', address: supervisorOperations, hasTls: false },
    ])),
    ...(await checkCertificates('SLUICE_HOST_TLS_CERTIFICATE', hostTlsCertificate)),
    ...(await checkCertificates('SLUICE_HOST_TLS_CA', config.hostTlsCa)),
    ...(await checkSecret('SLUICE_HOST_TLS_KEY', hostTlsKey)),
    ...(await checkSecret('SLUICE_HOST_SECRET_FILE', config.hostSecretFile)),
  ])
}

/** Everything that can be known of a gateway before its start. @param isAlone whether its host is not looked at, too */
export async function checkGateway(config: GatewayConfig, isAlone: boolean): Promise<Finding[]> {
  const { listen, gatewayOperations, tlsCertificate, reusePort } = config
  return withoutRepeats([
    ...(await findingsOf('gateway', (log) => readingChecksOfGateway(config, log))),
    ...(await checkRules(config)),
    ...(await checkGatewayLimits(config)),
    ...(await checkHost(config, isAlone)),
    ...(config.access === 'forward' ? await checkService('SLUICE_ACCESS_SERVICE', config.accessService) : []),
    ...(await checkService('SLUICE_OTLP_ENDPOINT', config.otlpEndpoint)),
    ...(await placeFindings([
      { setting: 'SLUICE_LISTEN', address: listen, hasTls: tlsCertificate !== undefined, reusePort },
      { setting: 'SLUICE_GATEWAY_OPERATIONS', address: gatewayOperations, hasTls: false },
    ])),
    ...(await checkCertificates('SLUICE_TLS_CERTIFICATE', tlsCertificate)),
    ...(await checkCertificates('SLUICE_HOST_TLS_CERTIFICATE', config.hostTlsCertificate)),
    ...(await checkCertificates('SLUICE_HOST_TLS_CA', config.hostTlsCa)),
    ...(await checkSecret('SLUICE_TLS_KEY', config.tlsKey)),
    ...(await checkSecret('SLUICE_HOST_TLS_KEY', config.hostTlsKey)),
    ...(await checkSecret('SLUICE_PASSWORD_FILE', config.access === 'file' ? config.passwordFile : undefined)),
    ...(await checkSecret('SLUICE_HOST_SECRET_FILE', config.hostSecretFile)),
  ])
}

/** What both applications are told counts once. */
export function withoutRepeats(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((finding) => [finding.what, finding] as const).toReversed()).values()].toReversed()
}

async function rootFindings(config: SupervisorConfig): Promise<Finding[]> {
  const findings = await findingsOf('supervisor', (log) => readingChecksOfHost(config, log))
  const hasRoot = !findings.some(({ what }) => what.startsWith('SLUICE_ROOT'))
  const right = config.createOnPush ? 'read and written to' : 'read'
  return [...(hasRoot ? [ok('SLUICE_ROOT', `${config.root} can be ${right}.`)] : []), ...findings]
}

type MaybePlace = Parameters<typeof checkPlace>[0] extends infer P
  ? Omit<P, 'address'> & { address: Address | undefined }
  : never

async function placeFindings(places: readonly MaybePlace[]): Promise<Finding[]> {
  const set = places.flatMap((place) => (place.address === undefined ? [] : [{ ...place, address: place.address }]))
  return (await Promise.all(set.map((place) => checkPlace(place as Parameters<typeof checkPlace>[0])))).flat()
}
