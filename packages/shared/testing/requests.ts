import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { git, packOf } from './git.ts'
import { target } from './http.ts'
import { pktLine, flushPacket } from '../src/git/pkt-line.ts'

/** A bare repository whose clone has some 8 MB that do not compress, in several files. */
export async function largeRepository(gitDir: string): Promise<void> {
  await mkdir(gitDir, { recursive: true })
  await git(gitDir, ['init', '--quiet', '--bare', '.'])
  const head = 'commit refs/heads/main\ncommitter A User <user@example.org> 1700000000 +0000\ndata 5\nLarge\n'
  const files = Array.from({ length: 8 }, (_, file) => [
    Buffer.from(`M 100644 inline file-${file}\ndata ${2 ** 20}\n`),
    randomBytes(2 ** 20),
    Buffer.from('\n'),
  ])
  // In a pack as it comes: git need not compress anything for a clone.
  const settings = ['-c', 'core.compression=0', '-c', 'fastimport.unpackLimit=1']
  await git(gitDir, [...settings, 'fast-import', '--quiet'], {
    input: Buffer.concat([Buffer.from(head), ...files.flat()]),
  })
}

/**
 * The body of a push to `main` of one commit with a file of 4 MB, as git sends it to git-receive-pack, and the id of the
 * commit. The repository is not changed.
 */
export async function capturePush(folder: string, gitDir: string): Promise<{ body: Buffer; id: string }> {
  const work = join(folder, 'capture')
  await git(folder, ['clone', '--quiet', gitDir, work])
  const old = await git(work, ['rev-parse', 'HEAD'])
  await writeFile(join(work, 'new'), randomBytes(4 * 2 ** 20))
  await git(work, ['add', '.'])
  await git(work, ['commit', '--quiet', '-m', 'New'])
  const id = await git(work, ['rev-parse', 'HEAD'])
  const command = pktLine(`${old} ${id} refs/heads/main\0 report-status side-band-64k object-format=sha1 agent=test`)
  const pack = await packOf(work, `${id}\n^${old}\n`)
  return { body: Buffer.concat([Buffer.from(command + flushPacket), pack]), id }
}

/** The repository `large.git`, whose pushes are indexed and never unpacked, and a push to it as git would send it. */
export async function prepareLargePush({ root, folder }: { readonly root: string; readonly folder: string }) {
  const repository = join(root, 'large.git')
  await largeRepository(repository)
  await git(repository, ['config', 'receive.unpackLimit', '1'])
  return { repository, push: await capturePush(folder, repository) }
}

/** Sends a fetch (protocol version 0) of everything below `want`. Resolves with the reply when that has begun. */
export async function beginFetch(
  address: string,
  repository: string,
  want: string,
  headers: Record<string, string> = {},
): Promise<IncomingMessage> {
  const sent = request({
    ...target(address),
    path: `/${repository}/git-upload-pack`,
    method: 'POST',
    agent: false,
    headers: { 'Content-Type': 'application/x-git-upload-pack-request', ...headers },
  })
  sent.on('error', () => {})
  sent.end(fetchOf(want))
  const [reply] = (await once(sent, 'response')) as [IncomingMessage]
  reply.on('error', () => {})
  return reply
}

export function fetchOf(want: string): string {
  return `${pktLine(`want ${want}\n`)}${flushPacket}${pktLine('done\n')}`
}
