import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after } from 'node:test'
import { parseGitRequest } from '@sluice/shared/git/git-route'
import type { GitRequest, Service } from '@sluice/shared/git/git-route'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { serviceCommand } from '../../src/git/command.ts'
import { writeConfigFiles } from '../../src/git/config-file.ts'

/** A request whose reply may be cached. */
export type Asked = { readonly name: string; readonly request: GitRequest; readonly body: Buffer | undefined }

/** git's own reply, by the command that a worker runs; undefined if git refuses. */
export async function replyOf({ request, body }: Asked, gitDir: string): Promise<Buffer | undefined> {
  const client = { user: undefined, address: '127.0.0.1' }
  const { argv, env, cwd } = serviceCommand(gitOptions, request, gitDir, client)
  const child = spawn(argv[0]!, argv.slice(1), { env, cwd, stdio: ['pipe', 'pipe', 'ignore'] })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stdin.on('error', () => {}) // git's exit code tells more.
  child.stdin.end(body)
  const [code] = (await once(child, 'close')) as [number | null]
  return code === 0 ? Buffer.concat(chunks) : undefined
}

const folder = await temporaryFolder()
after(() => folder[Symbol.asyncDispose]())

const gitOptions = {
  git: 'git',
  path: process.env['PATH'] ?? '',
  cwd: '/',
  configFiles: await writeConfigFiles(folder.path, { packThreads: 1, packWindowMemory: 1 << 20, fsync: true }),
  fsckObjects: true,
  fsync: true,
  reflogs: true,
  packThreads: 1,
  gnupgHome: undefined,
  jobNiceness: 0,
}

export function advertisement(service: Service, protocol?: string): Asked {
  const headers = protocol === undefined ? {} : { 'git-protocol': protocol }
  const request = parseGitRequest({ method: 'GET', url: `/r.git/info/refs?service=git-${service}`, headers })
  return { name: `${service} ${protocol ?? 'version=0'}`, request, body: undefined }
}

/** `lines` are the arguments. Each line, and each capability, may have a line feed at its end. */
export function lsRefs(lines: readonly string[], capabilities?: readonly string[]): Asked {
  return commandOf('ls-refs', lines, capabilities)
}

/** A command of protocol version 2. */
export function commandOf(
  command: string,
  lines: readonly string[],
  capabilities: readonly string[] = ['agent=git/2.39.5'],
): Asked {
  const headers = { 'git-protocol': 'version=2', 'content-type': 'application/x-git-upload-pack-request' }
  const request = parseGitRequest({ method: 'POST', url: '/r.git/git-upload-pack', headers })
  const head = [`command=${command}\n`, ...capabilities].map(pktLine).join('')
  const body = Buffer.from(`${head}0001${lines.map(pktLine).join('')}${flushPacket}`)
  return { name: `${command} ${lines.join(', ').replaceAll('\n', '')}`, request, body }
}
