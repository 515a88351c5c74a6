import { isLoopback } from '@sluice/shared/network/loopback'
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { formatAddress } from '@sluice/shared/network/address'
import type { Address } from '@sluice/shared/network/address'
import { ConfigError } from '@sluice/shared/config/config-error'
import { secretOf } from '@sluice/shared/host-protocol/from-gateway'
import { openHostSecrets } from '@sluice/shared/host-protocol/secret'
import type { HostSecrets } from '@sluice/shared/host-protocol/secret'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { SiteOptions } from '@sluice/shared/http/other-sites'
import type { Reason } from '@sluice/shared/refusal/reasons'
import type { ReloadedFile } from '@sluice/shared/config/reloaded-file'
import type { SupervisorConfig } from '../config/config.ts'

/** Whoever is refused in a loop gets a line in the log so often, not for each request. */
const tellEveryMs = 60_000

type TrustConfig = Pick<SupervisorConfig, 'supervisor' | 'hostSecretFile' | 'hostTlsCertificate' | 'hostTlsCa'>

/**
 * Tells gateways from others. A gateway's word is taken on who asks and on what they may do, so that nobody else is
 * served: over a unix socket the file's rights decide, over TCP a certificate, a secret, or both where both are set.
 * Without either, everybody who can reach the loopback address is trusted.
 */
export class GatewayTrust implements Disposable {
  readonly #log: Logger
  readonly #secrets: ReloadedFile<HostSecrets> | undefined
  /** Not asked of the connection: one of TCP that was just reset has no address either. */
  readonly #isUnix: boolean
  readonly #wantsCertificate: boolean
  readonly #told = new Map<Reason, { at: number; since: number }>()

  private constructor(config: TrustConfig, log: Logger, secrets: ReloadedFile<HostSecrets> | undefined) {
    this.#log = log
    this.#secrets = secrets
    this.#isUnix = config.supervisor.kind === 'unix'
    this.#wantsCertificate = config.hostTlsCa !== undefined
  }

  /** @throws {ConfigError} where anybody could pass for a gateway, or the secrets cannot be read */
  static async open(config: TrustConfig, log: Logger): Promise<GatewayTrust> {
    checkExposure(config, log)
    const secrets = config.hostSecretFile === undefined ? undefined : await openHostSecrets(config.hostSecretFile, log)
    return new GatewayTrust(config, log, secrets)
  }

  /** Why whoever sent this is not taken for a gateway; undefined: it is one. To be asked before anything of it is believed. */
  refuses({ headers, socket }: IncomingMessage): Extract<Reason, 'wrong_secret' | 'wrong_certificate'> | undefined {
    if (this.#isUnix) return undefined
    if (this.#wantsCertificate && !(socket as TLSSocket).authorized) return 'wrong_certificate'
    if (this.#secrets === undefined) return undefined
    const given = secretOf(headers)
    return given !== undefined && this.#secrets.current.has(given) ? undefined : 'wrong_secret'
  }

  /** Says in the log that somebody is not served, and what to do about it if it is a gateway; once a minute. */
  tell(reason: 'wrong_secret' | 'wrong_certificate', { socket, headers }: IncomingMessage): void {
    const told = this.#told.get(reason)
    const now = performance.now()
    if (told && now - told.at < tellEveryMs) return void told.since++
    this.#told.set(reason, { at: now, since: 0 })
    const others = told?.since ?? 0
    const words = {
      wrong_secret:
        secretOf(headers) !== undefined
          ? 'a request had a secret that is not in SLUICE_HOST_SECRET_FILE'
          : 'a request had no secret; gateways need the same SLUICE_HOST_SECRET_FILE as this supervisor',
      wrong_certificate: `a connection had no valid certificate (${authorizationErrorOf(socket)}); gateways need SLUICE_HOST_TLS_CERTIFICATE from a root in SLUICE_HOST_TLS_CA`,
    }
    this.#log.warn({ peer: socket.remoteAddress, reason, others }, `refused: ${words[reason]}`)
  }

  /** Where everybody on this machine is taken for a gateway, so is a page in a browser on it, unless it is kept out. */
  get sites(): SiteOptions {
    const isAsked = !this.#isUnix && !this.#wantsCertificate && this.#secrets === undefined
    return { hostNames: isAsked ? { has: () => false } : 'any', hint: '', mayAsk: () => false }
  }

  [Symbol.dispose](): void {
    this.#secrets?.[Symbol.dispose]()
  }
}

function authorizationErrorOf(socket: IncomingMessage['socket']): string {
  const error: unknown = 'authorizationError' in socket ? socket.authorizationError : undefined
  return error instanceof Error ? error.message : typeof error === 'string' ? error : 'none was sent'
}

function checkExposure({ supervisor, hostSecretFile, hostTlsCertificate, hostTlsCa }: TrustConfig, log: Logger): void {
  if (hostTlsCa !== undefined && hostTlsCertificate === undefined) {
    throw new ConfigError([
      'SLUICE_HOST_TLS_CA needs SLUICE_HOST_TLS_CERTIFICATE and SLUICE_HOST_TLS_KEY in the supervisor.',
    ])
  }
  if (supervisor.kind === 'unix' && hostTlsCertificate !== undefined) {
    throw new ConfigError([
      'SLUICE_HOST_TLS_CERTIFICATE needs SLUICE_SUPERVISOR as host:port: there is no TLS on a unix socket.',
    ])
  }
  if (isPrivate(supervisor)) return
  if (hostSecretFile === undefined && hostTlsCa === undefined) {
    throw new ConfigError([
      `SLUICE_SUPERVISOR=${formatAddress(supervisor)} can be reached by others, who could pass for a gateway: ` +
        'set SLUICE_HOST_SECRET_FILE, or SLUICE_HOST_TLS_CA with SLUICE_HOST_TLS_CERTIFICATE and SLUICE_HOST_TLS_KEY; ' +
        'or listen on a unix socket or on 127.0.0.1.',
    ])
  }
  if (hostTlsCertificate === undefined) {
    log.warn(
      `the secret and all that is fetched and pushed cross the network to ${formatAddress(supervisor)} as they are: set SLUICE_HOST_TLS_CERTIFICATE and SLUICE_HOST_TLS_KEY, unless that network is private`,
    )
  }
}

function isPrivate(address: Address): boolean {
  return address.kind === 'unix' || isLoopback(address.host)
}
