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
import type { SupervisorConfig } from '../../config/config.ts'

/** A peer that is refused again and again gets one line in the log in this time, not one for each request. */
const logEveryMs = 60_000

type TrustConfig = Pick<SupervisorConfig, 'supervisor' | 'hostSecretFile' | 'hostTlsCertificate' | 'hostTlsCa'>

/**
 * Tells gateways from other peers. The host believes what a gateway says about the client and its rights, so it serves
 * nobody else. On a unix socket, the file's permissions decide who can connect. Over TCP, a gateway needs a
 * certificate, a secret, or both, whichever are set. If neither is set, every process that can reach the loopback
 * address is trusted.
 */
export class GatewayTrust implements Disposable {
  readonly #log: Logger
  readonly #secrets: ReloadedFile<HostSecrets> | undefined
  /**
   * From the configuration, not from the connection: a TCP connection that was just reset has no address, as on a unix
   * socket.
   */
  readonly #isUnix: boolean
  readonly #wantsCertificate: boolean
  /** For each reason: when it was last logged, and how many requests were refused since. */
  readonly #logged = new Map<Reason, { at: number; since: number }>()

  private constructor(config: TrustConfig, log: Logger, secrets: ReloadedFile<HostSecrets> | undefined) {
    this.#log = log
    this.#secrets = secrets
    this.#isUnix = config.supervisor.kind === 'unix'
    this.#wantsCertificate = config.hostTlsCa !== undefined
  }

  /** @throws {ConfigError} where any peer could pass for a gateway, or the secrets cannot be read */
  static async open(config: TrustConfig, log: Logger): Promise<GatewayTrust> {
    checkExposure(config, log)
    const secrets = config.hostSecretFile === undefined ? undefined : await openHostSecrets(config.hostSecretFile, log)
    return new GatewayTrust(config, log, secrets)
  }

  /**
   * To be called before any header of a request is believed.
   *
   * @returns why the peer is not a gateway; undefined for a gateway
   */
  reasonToRefuse({
    headers,
    socket,
  }: IncomingMessage): Extract<Reason, 'wrong_secret' | 'wrong_certificate'> | undefined {
    if (this.#isUnix) return undefined
    if (this.#wantsCertificate && !(socket as TLSSocket).authorized) return 'wrong_certificate'
    if (this.#secrets === undefined) return undefined
    const given = secretOf(headers)
    return given !== undefined && this.#secrets.current.has(given) ? undefined : 'wrong_secret'
  }

  /** Logs that a peer was refused, and what to set if that peer is a gateway. At most once a minute for each reason. */
  logRefusal(reason: 'wrong_secret' | 'wrong_certificate', { socket, headers }: IncomingMessage): void {
    const last = this.#logged.get(reason)
    const now = performance.now()
    if (last && now - last.at < logEveryMs) return void last.since++
    this.#logged.set(reason, { at: now, since: 0 })
    const others = last?.since ?? 0
    const words = {
      wrong_secret:
        secretOf(headers) !== undefined
          ? 'a request had a secret that is not in SLUICE_HOST_SECRET_FILE'
          : 'a request had no secret; gateways need the same SLUICE_HOST_SECRET_FILE as this supervisor',
      wrong_certificate: `a connection had no valid certificate (${certificateErrorOf(socket)}); gateways need SLUICE_HOST_TLS_CERTIFICATE from a root in SLUICE_HOST_TLS_CA`,
    }
    this.#log.warn({ peer: socket.remoteAddress, reason, others }, `refused: ${words[reason]}`)
  }

  /**
   * Which web sites may send requests. Where every process on this machine is trusted, a page in a browser on it would
   * be, too, so no site may.
   */
  get sites(): SiteOptions {
    const trustsAnyProcess = !this.#isUnix && !this.#wantsCertificate && this.#secrets === undefined
    return { hostNames: trustsAnyProcess ? { has: () => false } : 'any', hint: '', mayAsk: () => false }
  }

  [Symbol.dispose](): void {
    this.#secrets?.[Symbol.dispose]()
  }
}

function certificateErrorOf(socket: IncomingMessage['socket']): string {
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
