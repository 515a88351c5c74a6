import { request } from 'node:http'
import { request as requestWithTls } from 'node:https'
import { readConfig } from '@sluice/shared/config/read-config'
import { settings } from '@sluice/shared/config/settings'
import { readSettingsFile } from '@sluice/shared/config/settings-file'

/**
 * Asks the application of this container whether it is ready. Exits with 0 if it is, else with 1 and the reason. Its
 * environment is the application's, which has the address.
 */
const [app = ''] = process.argv.slice(2)
if (app !== 'gateway' && app !== 'supervisor') throw new Error('Say whom to ask: gateway or supervisor.')
const wanted = { address: settings[app === 'gateway' ? 'listen' : 'supervisor'], ...certificates(app) }
const { address, certificate } = readConfig(wanted, process.env, await readSettingsFile(process.env))

const send = certificate === undefined ? request : requestWithTls
// The address is this machine's own, so the name in the certificate does not matter.
const options = { path: '/readyz', timeout: 4000, rejectUnauthorized: false }
const where = address.kind === 'unix' ? { socketPath: address.path } : { host: local(address.host), port: address.port }
const asked = send({ ...where, ...options }, (reply) => {
  reply.setEncoding('utf8').on('data', (text: string) => process.stdout.write(text))
  process.exitCode = reply.statusCode === 200 ? 0 : 1
})
asked.on('timeout', () => asked.destroy(new Error('no answer in time')))
asked.on('error', (error) => {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
})
asked.end()

function certificates(of: 'gateway' | 'supervisor') {
  return { certificate: settings[of === 'gateway' ? 'tlsCertificate' : 'hostTlsCertificate'] }
}

function local(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}
