import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { formatAddress, parseAddress } from '@sluice/shared/network/address'
import type { Config } from '@sluice/shared/config/read-config'
import type { settings } from '@sluice/shared/config/settings'

const accessInWords = {
  open: 'everyone who reaches this address may read and push (SLUICE_ACCESS)',
  file: 'users and rules in files',
  jwt: 'signed tokens',
  forward: 'a service of your own decides',
} as const

type Served = Pick<Config<typeof settings>, 'root' | 'access' | 'tlsCertificate'>

/** Says where Sluice is, who may do what there, and what to try. */
export function announce(
  listening: string,
  operations: string | undefined,
  { root, access, tlsCertificate }: Served,
): void {
  const status =
    operations?.startsWith('unix:') === false ? `\n  What it is doing: http://${operations}/-/status\n` : ''
  const address = parseAddress(listening)
  if (address?.kind !== 'tcp') {
    console.log(`\n  Sluice serves ${root} on ${listening}\n\n  Ctrl-C stops everything.\n`)
    return
  }
  // An address that stands for all addresses of this machine cannot be connected to everywhere.
  const host = { '0.0.0.0': '127.0.0.1', '::': '::1' }[address.host] ?? address.host
  const url = `${tlsCertificate === undefined ? 'http' : 'https'}://${formatAddress({ ...address, host })}`
  const tryDemo = `  Try it in another terminal:

    git clone ${url}/demo.git
    cd demo
    git commit --allow-empty -m 'Say hello'
    git push

`
  console.log(`
  Sluice serves ${root} on ${url}
  Access: ${accessInWords[access]}. TLS: ${tlsCertificate === undefined ? 'off' : 'on'}.

${existsSync(join(root, 'demo.git')) ? tryDemo : ''}  Push to a new name and the repository is created:

    git push ${url}/team/project.git HEAD
${status}
  Ctrl-C stops everything.
`)
}
