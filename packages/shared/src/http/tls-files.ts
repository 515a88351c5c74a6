import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { SecureContextOptions } from 'node:tls'
import { ConfigError } from '../config/config-error.ts'
import { ReloadedFile } from '../config/reloaded-file.ts'

/** Paths of PEM files. */
export type TlsPaths = {
  /** The certificate, followed by those between it and the root. */
  readonly certificate?: string | undefined
  readonly key?: string | undefined
  /** The roots that the other side's certificate must come from. */
  readonly ca?: string | undefined
}

/** The log for what happens to the files. */
export type TlsLog = {
  info(fields: object, message: string): void
  warn(message: string): void
  error(message: string): void
}

/** The contents of the files, as Node takes them. TLS 1.0 and 1.1 are deprecated (RFC 8996). */
export type TlsMaterial = Pick<SecureContextOptions, 'cert' | 'key' | 'ca'> & { readonly minVersion: 'TLSv1.2' }

/**
 * Reads certificate, key and roots, and watches them. New ones are used for new connections. Broken ones change
 * nothing, and are reported in the log.
 *
 * @param setting the variables that name the files, for messages
 * @throws {ConfigError} if the files are not right at the start
 */
export async function openTlsFiles(
  paths: TlsPaths,
  setting: string,
  log: TlsLog,
  onChange: (material: TlsMaterial) => void,
): Promise<ReloadedFile<TlsMaterial>> {
  const { certificate, key, ca } = paths
  if ((certificate === undefined) !== (key === undefined)) {
    throw new ConfigError([`${setting}: a certificate needs its key, and a key its certificate; set both, or none.`])
  }
  const named = Object.entries({ certificate, key, ca }).filter((entry): entry is [string, string] => !!entry[1])
  const parse = (contents: readonly string[]) => {
    const texts = Object.fromEntries(named.map(([name], index) => [name, contents[index]]))
    return materialOf(paths, texts)
  }
  const files = await ReloadedFile.open(setting, {
    paths: named.map(([, path]) => path),
    parse,
    onChange(material) {
      log.info({ files: Object.fromEntries(named) }, `${setting}: new certificates are in use`)
      warnOfExpiry(material, certificate, log)
      onChange(material)
    },
    onProblem: (problem) => log.error(`${setting}: ${problem}; the old certificates stay in use`),
  })
  warnOfExpiry(files.current, certificate, log)
  return files
}

function materialOf(paths: TlsPaths, { certificate, key, ca }: Record<string, string | undefined>): TlsMaterial {
  if (ca !== undefined) certificateIn(ca, paths.ca)
  if (certificate !== undefined && key !== undefined) {
    if (!certificateIn(certificate, paths.certificate).checkPrivateKey(keyIn(key, paths.key))) {
      throw new Error(`the key in ${paths.key} does not belong to the certificate in ${paths.certificate}`)
    }
  }
  const material = {
    minVersion: 'TLSv1.2',
    ...(certificate !== undefined && { cert: certificate, key }),
    ...(ca !== undefined && { ca }),
  } as const
  try {
    createSecureContext(material)
  } catch (error) {
    throw new Error(`${Object.values(paths).filter(Boolean).join(', ')}: ${(error as Error).message}`, { cause: error })
  }
  return material
}

function certificateIn(text: string, path: string | undefined): X509Certificate {
  try {
    return new X509Certificate(text)
  } catch (cause) {
    throw new Error(`there is no certificate in PEM format in ${path}`, { cause })
  }
}

function keyIn(text: string, path: string | undefined): KeyObject {
  try {
    return createPrivateKey(text)
  } catch (cause) {
    throw new Error(`there is no private key in PEM format, without a passphrase, in ${path}`, { cause })
  }
}

function warnOfExpiry({ cert }: TlsMaterial, path: string | undefined, log: TlsLog): void {
  if (typeof cert !== 'string') return
  const { validFromDate, validToDate } = new X509Certificate(cert)
  const now = Date.now()
  if (validToDate.getTime() < now) log.warn(`the certificate in ${path} expired on ${validToDate.toISOString()}`)
  if (validFromDate.getTime() > now)
    log.warn(`the certificate in ${path} is valid from ${validFromDate.toISOString()} on only`)
}
