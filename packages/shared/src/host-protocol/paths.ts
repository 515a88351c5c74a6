/** Says 200 to the host's gateways, 503 while the host is stopping, 403 to everybody else. No repository can have this name. */
export const trustedPath = '/-/trusted'

/** Says 200 to everybody, for as long as the process answers at all. */
export const healthPath = '/healthz'
