import { Agent as HttpAgent, request as requestHttp } from 'node:http'
import type { ClientRequest } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { secretHeaders } from '@sluice/shared/host-protocol/from-gateway'
import type { TlsMaterial } from '@sluice/shared/http/tls-files'
import type { Address } from '@sluice/shared/network/address'

/** How a host proves to another one that it is a host, as gateways do. Read for each request: files may have changed. */
export type LinkTrust = {
  readonly secret: string | undefined
  readonly tls: TlsMaterial | undefined
}

const idleMs = 30_000

/**
 * After so much silence of a connection, the kernel asks whether the other machine is still there (tcp(7), SO_KEEPALIVE).
 * Without that, what waits for a machine that has lost its power would wait for ever.
 */
const probeMs = 10_000
const mostIdle = 16

/** The way to other hosts: the addresses at which they serve gateways. */
export class HostLinks implements Disposable {
  readonly #trust: LinkTrust
  readonly #http = new HttpAgent({ keepAlive: true, timeout: idleMs, maxFreeSockets: mostIdle })
  readonly #https = new HttpsAgent({ keepAlive: true, timeout: idleMs, maxFreeSockets: mostIdle })

  constructor(trust: LinkTrust) {
    this.#trust = trust
  }

  /**
   * Begins a POST, whose body and reply may pass at the same time.
   *
   * @param isKept whether its connection may have been used before. One that the other side has closed fails
   */
  post(address: Address, path: string, signal: AbortSignal, isKept = false): ClientRequest {
    const { secret, tls } = this.#trust
    const where = address.kind === 'unix' ? { socketPath: address.path } : { host: address.host, port: address.port }
    const options = { ...where, path, method: 'POST', headers: secretHeaders(secret), signal }
    const sent = tls
      ? requestHttps({ ...options, ...tls, agent: isKept ? this.#https : false })
      : requestHttp({ ...options, agent: isKept ? this.#http : false })
    // It also comes when whoever asks has been told of the abort, and listens no more: it must not end the host.
    sent.on('error', () => {})
    sent.setNoDelay(true)
    sent.setSocketKeepAlive(true, probeMs)
    return sent
  }

  [Symbol.dispose](): void {
    this.#http.destroy()
    this.#https.destroy()
  }
}
