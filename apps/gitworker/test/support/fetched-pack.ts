import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tryGit } from '@sluice/shared/testing/git'
import { pktLength } from '@sluice/shared/git/pkt-line'

/** A reply to a fetch in protocol version 2, without the sizes of packets and the deltas, which differ each time. */
export type Fetched = {
  /** Everything but the pack and progress: acknowledgements, shallow boundaries, errors. */
  readonly words: readonly string[]
  /** The names of the pack's objects, in order; or index-pack's message if it is no whole pack. */
  readonly objects: readonly string[]
}

/** @param reply to a request without `thin-pack` and `sideband-all` */
export async function readFetched(reply: Buffer): Promise<Fetched> {
  const words: string[] = []
  const pack: Buffer[] = []
  let isPack = false
  for (let offset = 0; offset < reply.length;) {
    const length = pktLength(reply, offset)
    if (length === undefined) throw new Error(`No packet begins at ${offset}.`)
    const payload = reply.subarray(offset + 4, offset + Math.max(length, 4))
    offset += Math.max(length, 4)
    const band = isPack ? payload[0] : undefined
    if (band === 1) pack.push(payload.subarray(1))
    else if (band !== 2) words.push(payload.toString().trimEnd())
    isPack ||= payload.toString() === 'packfile\n'
  }
  // git lists shallow boundaries in the order of a hash table.
  return { words: words.toSorted(), objects: isPack ? await objectsIn(Buffer.concat(pack)) : [] }
}

async function objectsIn(pack: Buffer): Promise<string[]> {
  const folder = fs.mkdtempSync(join(tmpdir(), 'sluice-fetched-'))
  try {
    fs.writeFileSync(join(folder, 'all.pack'), pack)
    const { code, stderr } = await tryGit(folder, ['index-pack', 'all.pack'])
    return code === 0 ? namesIn(fs.readFileSync(join(folder, 'all.idx'))) : [`no pack: ${stderr}`]
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
}

/** gitformat-pack(5), "Version 2 pack-*.idx files": a header, a fan-out table, and the names, in order. */
function namesIn(index: Buffer): string[] {
  const fanOut = 8
  const names = fanOut + 256 * 4
  const count = index.readUInt32BE(names - 4)
  return Array.from({ length: count }, (_, n) => index.toString('hex', names + n * 20, names + (n + 1) * 20))
}
