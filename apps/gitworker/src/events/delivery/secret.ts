import { createHmac } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { errnoOf } from '@sluice/shared/machine/errno'

const maxBytes = 64 * 1024

/** The first line of a file. @throws {Error} in words */
export async function readSecret(path: string): Promise<string> {
  try {
    if ((await stat(path)).size > maxBytes) throw new Error(`${path} is larger than 64 KiB`)
    const [line = ''] = (await readFile(path, 'utf8')).split('\n')
    if (line.trim() === '') throw new Error(`${path} is empty`)
    return line.trim()
  } catch (cause) {
    const code = errnoOf(cause)
    throw code ? new Error(`the secret in ${path} cannot be read (${code})`, { cause }) : cause
  }
}

/** Whether every user of the machine may read it. */
export async function isReadableByAll(path: string): Promise<boolean> {
  return await stat(path).then(
    ({ mode }) => (mode & 0o004) !== 0,
    () => false,
  )
}

/** `X-Hub-Signature-256`: the HMAC of the body as it is sent. */
export function signatureOf(body: Buffer, secret: string): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
}
