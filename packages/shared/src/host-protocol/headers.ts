/*
 * The names of all headers that a gateway and a host exchange besides those of git's own protocol. from-gateway.ts and
 * from-host.ts write and read them. docs/reference/host-protocol.md describes the protocol.
 */

/** Request. The address of the client, or `local` where it has none (a unix socket). */
export const clientHeader = 'sluice-client'

/** Request. The name of `sluice-client` in version 0.1. Written and read until version 0.3. */
export const oldClientHeader = 'sluice-source'

/** Request. The user that the gateway has let in, percent-encoded; left out where nobody has logged in. */
export const userHeader = 'sluice-user'

/** Request. `no`: a push must not create the repository. */
export const mayCreateHeader = 'sluice-may-create'

/**
 * Request, of LFS. The address of the repository as the client knows it, which the addresses of its objects begin with:
 * `https://git.example.org/team/project.git`.
 */
export const addressHeader = 'sluice-address'

/** Request. The secret by which a host knows its gateways. */
export const secretHeader = 'sluice-secret'

/**
 * Request. The gateway has only the beginning of the body, and can still send the request elsewhere. It sends the rest
 * once the host has accepted the request with `102 Processing`.
 */
export const awaitsAcceptanceHeader = 'sluice-awaits-acceptance'

/**
 * Request, in a cluster. The term of the repository's slot in the gateway's table: a host that knows another one finds out
 * first who is right.
 */
export const termHeader = 'sluice-term'

/** Reply: nothing of the body was read and nothing was started, so the same request can be sent again. */
export const notBegunHeader = 'sluice-not-begun'

/**
 * Reply of a host that does not serve a repository, in a cluster: who does, as far as it has heard (`told-slot.ts`). Only for
 * gateways; clients never see it.
 */
export const toldSlotHeader = 'sluice-slot'

/** Reply, and the reply's trailer: the stable code of a refusal. Clients get to see it, too. */
export const reasonHeader = 'Sluice-Reason'

/** Request and reply: names the request in the logs of both. Clients may send one, and get it back. */
export const requestIdHeader = 'x-request-id'

/** Request headers that decide something. A request with two of one of them is refused. */
export const singleRequestHeaders = [
  clientHeader,
  oldClientHeader,
  userHeader,
  mayCreateHeader,
  addressHeader,
  secretHeader,
  termHeader,
] as const
