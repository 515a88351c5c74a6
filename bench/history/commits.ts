import { createHash } from 'node:crypto'
import { deflateSync } from 'node:zlib'

/** A commit, and a pack that brings it with all that it needs. */
export type Commit = {
  readonly id: string
  readonly parent: string | undefined
  readonly pack: Buffer
  readonly objects: readonly GitObject[]
}

/** Makes a commit without git: starting it for each push would take this machine's time from what is under test. */
export function newCommit(parent: string | undefined, text: string, time: number): Commit {
  const blob = objectOf('blob', Buffer.from(`${text}\n`))
  const entry = Buffer.concat([Buffer.from('100644 file\0'), Buffer.from(blob.id, 'hex')])
  const tree = objectOf('tree', entry)
  const who = `A User <user@example.org> ${time} +0000`
  const lines = [`tree ${tree.id}`, ...(parent ? [`parent ${parent}`] : []), `author ${who}`, `committer ${who}`]
  const commit = objectOf('commit', Buffer.from(`${lines.join('\n')}\n\n${text}\n`))
  const objects = [commit, tree, blob]
  return { id: commit.id, parent, pack: packOf(objects), objects }
}

type Kind = 'commit' | 'tree' | 'blob'
export type GitObject = { readonly kind: Kind; readonly id: string; readonly content: Buffer }

const numbers = { commit: 1, tree: 2, blob: 3 } as const satisfies Record<Kind, number>

function objectOf(kind: Kind, content: Buffer): GitObject {
  const id = createHash('sha1').update(`${kind} ${content.length}\0`).update(content).digest('hex')
  return { kind, id, content }
}

/** gitformat-pack(5), version 2. */
export function packOf(objects: readonly GitObject[]): Buffer {
  const head = Buffer.alloc(12)
  head.write('PACK')
  head.writeUInt32BE(2, 4)
  head.writeUInt32BE(objects.length, 8)
  const parts = objects.flatMap(({ kind, content }) => [sizeOf(numbers[kind], content.length), deflateSync(content)])
  const pack = Buffer.concat([head, ...parts])
  return Buffer.concat([pack, createHash('sha1').update(pack).digest()])
}

function sizeOf(kind: number, length: number): Buffer {
  const bytes: number[] = []
  let byte = (kind << 4) | (length & 15)
  for (let rest = length >> 4; rest > 0; rest >>= 7) {
    bytes.push(byte | 0x80)
    byte = rest & 0x7f
  }
  return Buffer.from([...bytes, byte])
}
