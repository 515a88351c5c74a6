import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Why tests with certificates cannot run here; undefined if they can. The openssl command makes the certificates. */
export const noCertificates =
  spawnSync('openssl', ['version']).status === 0 ? undefined : 'the openssl command is not installed'

/** Paths of PEM files. */
export type Pair = { readonly certificate: string; readonly key: string }

/** A root certificate that signs others. */
export type Authority = Pair & {
  /**
   * Makes a certificate for 127.0.0.1 and `localhost`, for servers and clients.
   *
   * @param name of its files
   */
  issue(name: string): Promise<Pair>
}

/** Makes a root certificate in a folder. */
export function newAuthority(folder: string, name = 'root'): Authority {
  const pair = pairIn(folder, name)
  openssl([...request(name), '-x509', '-days', '2', '-keyout', pair.key, '-out', pair.certificate])
  return {
    ...pair,
    async issue(issued) {
      const { certificate, key } = pairIn(folder, issued)
      const wish = join(folder, `${issued}.csr`)
      const extensions = join(folder, `${issued}.ext`)
      await writeFile(extensions, 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n')
      openssl([...request(issued), '-keyout', key, '-out', wish])
      const signer = ['-CA', pair.certificate, '-CAkey', pair.key, '-CAcreateserial']
      openssl(['x509', '-req', '-in', wish, ...signer, '-days', '2', '-extfile', extensions, '-out', certificate])
      return { certificate, key }
    },
  }
}

function request(name: string): string[] {
  return [
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-subj',
    `/CN=Sluice test ${name}`,
  ]
}

function pairIn(folder: string, name: string): Pair {
  return { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) }
}

function openssl(args: readonly string[]): void {
  const { status, stderr } = spawnSync('openssl', args)
  if (status !== 0) throw new Error(`openssl ${args.join(' ')} ended with ${status}: ${stderr.toString()}`)
}
