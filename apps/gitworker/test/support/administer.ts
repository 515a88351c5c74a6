import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

export type Administered = { readonly status: number; readonly body: string }

/** Asks the administration of a host. @param runFolder of that host */
export async function administer(
  runFolder: string,
  method: string,
  path: string,
  body?: object,
): Promise<Administered> {
  const socketPath = join(runFolder, 'administration.sock')
  const { promise, resolve, reject } = Promise.withResolvers<Administered>()
  const said = body && JSON.stringify(body)
  // Node sends no length with a DELETE by itself.
  const headers = said ? { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(said) } : {}
  request({ socketPath, method, path: `/-/${path}`, headers }, (reply) => {
    text(reply).then((whole) => resolve({ status: reply.statusCode!, body: whole }), reject)
  })
    .on('error', reject)
    .end(said)
  return await promise
}
