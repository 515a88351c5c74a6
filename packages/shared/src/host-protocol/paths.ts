/**
 * Answers 200 to the host's gateways, 503 while the host is stopping, and 403 to everybody else. No repository can have
 * this name.
 */
export const trustedPath = '/-/trusted'

/** Answers 200 to everybody, as long as the process answers at all. */
export const healthPath = '/healthz'
