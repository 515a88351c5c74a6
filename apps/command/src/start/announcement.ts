import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { formatAddress, parseAddress } from '@sluice/shared/network/address'
import type { Config } from '@sluice/shared/config/read-config'
import type { settings } from '@sluice/shared/config/settings'
import type { Report } from '../output/report.ts'

const accessInWords = {
  open: 'everyone who reaches this address may read and push (SLUICE_ACCESS)',
  file: 'users and rules in files',
  jwt: 'signed tokens',
  forward: 'a service of your own decides',
} as const

type Served = Pick<Config<typeof settings>, 'root' | 'access' | 'tlsCertificate'>

/** Says where Sluice is, who may do what there, and what to try. */
export function announcement(listening: string, operations: string | undefined, served: Served): Report {
  const { root, access, tlsCertificate } = served
  const url = urlOf(listening, tlsCertificate !== undefined)
  const statusPage = operations?.startsWith('unix:') === false ? `http://${operations}/-/status` : undefined
  const document = { root, address: listening, url: url ?? null, statusPage: statusPage ?? null, access }
  return { document, text: () => textFor(listening, url, statusPage, served) }
}

/** Undefined for a unix socket. */
function urlOf(listening: string, hasTls: boolean): string | undefined {
  const address = parseAddress(listening)
  if (address?.kind !== 'tcp') return undefined
  // An address that stands for all addresses of this machine cannot be connected to everywhere.
  const host = { '0.0.0.0': '127.0.0.1', '::': '::1' }[address.host] ?? address.host
  return `${hasTls ? 'https' : 'http'}://${formatAddress({ ...address, host })}`
}

function textFor(
  listening: string,
  url: string | undefined,
  statusPage: string | undefined,
  { root, access, tlsCertificate }: Served,
): string {
  if (url === undefined) return `\n  Sluice serves ${root} on ${listening}\n\n  Ctrl-C stops everything.\n\n`
  const status = statusPage === undefined ? '' : `\n  What it is doing: ${statusPage}\n`
  const tryDemo = `  Try it in another terminal:

    git clone ${url}/demo.git
    cd demo
    git commit --allow-empty -m 'Say hello'
    git push

`
  return `
  Sluice serves ${root} on ${url}
  Access: ${accessInWords[access]}. TLS: ${tlsCertificate === undefined ? 'off' : 'on'}.

${existsSync(join(root, 'demo.git')) ? tryDemo : ''}  Push to a new name and the repository is created:

    git push ${url}/team/project.git HEAD
${status}
  Ctrl-C stops everything.

`
}
