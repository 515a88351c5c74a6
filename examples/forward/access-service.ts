import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/*
 * An access service for SLUICE_ACCESS=forward. Everybody reads public/. The user `ci`, whose password is in CI_TOKEN, reads
 * everything, and may push below team/ and create repositories there.
 */

const { CI_TOKEN: token, PORT: port = '9000' } = process.env
if (!token) throw new Error('Set CI_TOKEN.')
const right = digest(`Basic ${Buffer.from(`ci:${token}`).toString('base64')}`)

const server = createServer(({ headers }, response) => {
  const repository = decodeURIComponent(String(headers['x-sluice-repository']))
  const needs = headers['x-sluice-needs']
  const { authorization } = headers
  const isCi = authorization !== undefined && timingSafeEqual(digest(authorization), right)
  // 401 asks for a log-in; 403 says that this user may not.
  if (authorization !== undefined && !isCi) response.writeHead(401)
  else if (isCi && repository.startsWith('team/'))
    response.writeHead(200, { 'Remote-User': 'ci', 'X-Sluice-Create': 'yes' })
  else if (isCi) response.writeHead(needs === 'read' ? 200 : 403, { 'Remote-User': 'ci' })
  else response.writeHead(needs === 'read' && repository.startsWith('public/') ? 200 : 401)
  response.end()
})

/** timingSafeEqual needs values of equal length. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

server.listen(Number(port), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/allowed`)
})
