import { isUserName } from './user-name.ts'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import {
  addressHeader,
  awaitsAcceptanceHeader,
  clientHeader,
  mayCreateHeader,
  oldClientHeader,
  requestIdHeader,
  secretHeader,
  termHeader,
  userHeader,
} from './headers.ts'

/** What a gateway tells a host about a request that it passes on. */
export type GatewayHeaders = {
  readonly requestId: string
  /** The client's address, or `local`. */
  readonly clientAddress: string
  /** The user that was let in; undefined where nobody has logged in. */
  readonly user: string | undefined
  /** Whether a push may create the repository. */
  readonly mayCreate: boolean
  /** The address of the repository as the client knows it; undefined where no reply names it. */
  readonly address: string | undefined
  /** Whether the rest of the body waits until the host has accepted the request. */
  readonly awaitsAcceptance: boolean
  /** `traceparent` and `tracestate`: the span that is the parent of the host's own. */
  readonly trace: Readonly<Record<string, string>>
  /** Undefined where the gateway is known by its certificate, or by its access to the socket. */
  readonly secret: string | undefined
  /** Of the repository's slot; undefined where there is one host only. */
  readonly term: number | undefined
}

/** The client's own headers that reach the host. Nothing else that a client writes does. */
const passedOn = [
  'content-type',
  'content-encoding',
  'content-length',
  'git-protocol',
  'if-none-match',
  'if-range',
  'range',
  'user-agent',
] as const

/** @param incoming the client's headers */
export function headersToHost(told: GatewayHeaders, incoming: IncomingHttpHeaders): Record<string, string> {
  const headers: Record<string, string> = {
    ...told.trace,
    ...secretHeaders(told.secret),
    [requestIdHeader]: told.requestId,
    [clientHeader]: told.clientAddress,
    [oldClientHeader]: told.clientAddress,
    [mayCreateHeader]: told.mayCreate ? 'yes' : 'no',
  }
  if (told.user !== undefined) headers[userHeader] = encodeURIComponent(told.user)
  if (told.address !== undefined) headers[addressHeader] = told.address
  if (told.term !== undefined) headers[termHeader] = String(told.term)
  if (told.awaitsAcceptance) headers[awaitsAcceptanceHeader] = 'yes'
  for (const name of passedOn) {
    const value = incoming[name]
    if (typeof value === 'string') headers[name] = value
  }
  return headers
}

/** The headers by which a gateway proves itself when it asks for no repository. */
export function secretHeaders(secret: string | undefined): Record<string, string> {
  return secret === undefined ? {} : { [secretHeader]: secret }
}

/*
 * The host's side. Only the secret may be believed before the sender is known to be a gateway. A client that asks a
 * host directly sends none of these headers, so each reader has a result for that.
 */

/** @returns undefined where there is no gateway in between, or where the client of the gateway has no address */
export function clientAddressOf(headers: IncomingHttpHeaders): string | undefined {
  const told = headers[clientHeader] ?? headers[oldClientHeader]
  return typeof told === 'string' && isIP(told) !== 0 ? told : undefined
}

/** @returns undefined where nobody has logged in, and for what cannot be a name */
export function userOf(headers: IncomingHttpHeaders): string | undefined {
  const told = headers[userHeader]
  if (typeof told !== 'string') return undefined
  try {
    const user = decodeURIComponent(told)
    return isUserName(user) ? user : undefined
  } catch {
    return undefined
  }
}

/** A client that may ask a host directly may create repositories, too. */
export function mayCreate(headers: IncomingHttpHeaders): boolean {
  return headers[mayCreateHeader] !== 'no'
}

/** @returns undefined where no gateway has told it */
export function addressOf(headers: IncomingHttpHeaders): string | undefined {
  const told = headers[addressHeader]
  return typeof told === 'string' && /^https?:\/\/[\x21-\x7e]+$/.test(told) ? told : undefined
}

export function awaitsAcceptance(headers: IncomingHttpHeaders): boolean {
  return awaitsAcceptanceHeader in headers
}

/** @returns undefined where the sender knows of no cluster, and for what is no term */
export function termOf(headers: IncomingHttpHeaders): number | undefined {
  const told = headers[termHeader]
  return typeof told === 'string' && /^[1-9]\d{0,15}$/.test(told) ? Number(told) : undefined
}

export function secretOf(headers: IncomingHttpHeaders): string | undefined {
  const told = headers[secretHeader]
  return typeof told === 'string' ? told : undefined
}

/** Whether the sender reads what a host tells gateways only, such as the reason in a trailer. */
export function isFromGateway(headers: IncomingHttpHeaders): boolean {
  return clientHeader in headers || oldClientHeader in headers
}
