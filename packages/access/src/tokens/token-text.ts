import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { randomId, randomSecret, toBase62 } from '../random-text.ts'

/*
 * A token as its holder has it. Scanners for secrets find it by its beginning, and tell it from other text by its
 * checksum, without asking anybody:
 *
 *     sluice_k3v9x2mq_AyR…7f0Zq1
 *     ╰─────╯╰──────╯ ╰────╯╰──╯
 *     prefix  id   256 random bits, CRC-32 of all before it, to the base of 62
 */

const form = /^(sluice_([0-9a-z]{8})_[0-9A-Za-z]{43})([0-9A-Za-z]{6})$/

/** The form of an id. Ids are no secret: they are in the log. */
export const tokenId = /^[0-9a-z]{8}$/

export function newTokenText(): { readonly id: string; readonly text: string } {
  const id = randomId(8)
  const start = `sluice_${id}_${randomSecret()}`
  return { id, text: start + checksumOf(start) }
}

/** Whether this has the form of a token, with a checksum that is right or not. It says nothing about whether it is known. */
export function isTokenText(text: string): boolean {
  return form.test(text)
}

/** @returns undefined where this is no token, or one that was not copied as a whole */
export function idIn(text: string): string | undefined {
  const [, start, id, checksum] = form.exec(text) ?? []
  return start !== undefined && checksumOf(start) === checksum ? id : undefined
}

/** A token is random, so a fast hash of it is as good as a slow one. */
export function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function checksumOf(text: string): string {
  return toBase62(BigInt(crc32(text)), 6)
}
