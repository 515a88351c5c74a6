import { X509Certificate } from 'node:crypto'
import { open } from 'node:fs/promises'
import { error, ok, warning } from './findings/finding.ts'
import type { Finding } from './findings/finding.ts'

const dayMs = 86_400_000
const warnBeforeDays = 30
const mostBytes = 1024 * 1024

/**
 * How long the certificates of a file are valid. Whether they can be used at all, and fit their key, is found by the
 * checks of a start.
 */
export async function checkCertificates(
  setting: string,
  path: string | undefined,
  now = Date.now(),
): Promise<Finding[]> {
  const text = path === undefined ? undefined : await beginningOf(path).catch(() => undefined)
  const blocks = text?.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  return blocks.flatMap((block) => {
    const certificate = readCertificate(block)
    return certificate ? [findingFor(setting, path!, certificate, now)] : []
  })
}

function findingFor(setting: string, path: string, certificate: X509Certificate, now: number): Finding {
  const { subject, validFromDate, validToDate } = certificate
  const which = `The certificate for ${subject?.replaceAll('\n', ', ') || certificate.subjectAltName || 'nobody'} in ${path}`
  const until = validToDate.toISOString().slice(0, 10)
  const days = Math.floor((validToDate.getTime() - now) / dayMs)
  const todo = 'Put a new one in its place: it is read again by itself.'
  if (days < 0) return error(setting, `${which} is over since ${until}.`, todo)
  if (validFromDate.getTime() > now)
    return error(
      setting,
      `${which} is valid from ${validFromDate.toISOString().slice(0, 10)} on only.`,
      'Set the clock, or wait.',
    )
  if (days < warnBeforeDays)
    return warning(setting, `${which} ends on ${until}, in ${days} ${days === 1 ? 'day' : 'days'}.`, todo)
  return ok(setting, `${which} is valid until ${until}.`)
}

function readCertificate(block: string): X509Certificate | undefined {
  try {
    return new X509Certificate(block)
  } catch {
    return undefined
  }
}

async function beginningOf(path: string): Promise<string> {
  await using file = await open(path, 'r')
  if (!(await file.stat()).isFile()) return ''
  const { buffer, bytesRead } = await file.read(Buffer.alloc(mostBytes), 0, mostBytes, 0)
  return buffer.toString('latin1', 0, bytesRead)
}
