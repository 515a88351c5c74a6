import { text } from 'node:stream/consumers'
import { flushPacket, pktLength } from '@sluice/shared/git/pkt-line'
import { patience } from '../../git/push-config.ts'
import { endedWell } from '../git-stream.ts'
import type { RunningGit, StartGit } from '../git-stream.ts'
import type { Pushed } from '../link/told.ts'
import type { Following } from './fetch-state.ts'

/*
 * Gives a small push to a receive-pack of the copy's own, as the primary's has taken it: it compares the old values,
 * checks the objects that come, and moves all references or none.
 */

/** A line for each of a hundred references. In bytes. */
const maxReportBytes = 1024 * 1024

/** Starts git, which does nothing before it is given a push. @throws {Refusal} where there is no worker */
export async function startReceivePack(
  startGit: StartGit,
  gitDir: string,
  { signal, onProgress }: Pick<Following, 'signal' | 'onProgress'>,
): Promise<RunningGit> {
  const args = [...settings, 'receive-pack', '--stateless-rpc', '--', gitDir]
  return await startGit(args, { signal, writesTo: gitDir, onWords: onProgress })
}

/**
 * Resolves when all references have moved.
 *
 * @throws {JobError} where git fails; {Error} with its report where not all references have moved
 */
export async function takePush(git: RunningGit, { changes, pack }: Pushed & { readonly pack: Buffer }): Promise<void> {
  git.stdin.write(commandsFor(changes))
  git.stdin.end(pack)
  const report = await text(bounded(git.stdout))
  await endedWell(git, 'receive-pack')
  const lines = linesOf(report)
  const isDone = lines[0] === 'unpack ok' && lines.length === changes.length + 1 && lines.slice(1).every(isOk)
  if (!isDone) throw new Error(`git has refused the push: ${lines.join('; ').slice(0, maxShownLength)}`)
}

const maxShownLength = 1000

/** The primary has done what hooks, rules and checks of objects are for, with the same objects. */
const settings = Object.entries({
  'core.hooksPath': '/dev/null',
  'receive.hideRefs': '!refs',
  'receive.advertiseAtomic': 'true',
  'receive.fsckObjects': 'false',
  'transfer.fsckObjects': 'false',
  'receive.denyCurrentBranch': 'ignore',
  'receive.denyNonFastForwards': 'false',
  'receive.unpackLimit': '100',
  'receive.autogc': 'false',
  'receive.keepAlive': '0',
  ...Object.fromEntries(patience),
}).flatMap(([name, value]) => ['-c', `${name}=${value}`])

/** gitprotocol-pack(5), "Reference Update Request and Packfile Transfer". */
function commandsFor(changes: Pushed['changes']): Buffer {
  const format = changes[0]?.new.length === 64 ? 'sha256' : 'sha1'
  const lines = changes.map(({ ref, old, new: id }, index) => {
    const capabilities = index === 0 ? `\0report-status atomic object-format=${format}` : ''
    const line = `${old ?? '0'.repeat(id.length)} ${id} ${ref}${capabilities}`
    return (line.length + 4).toString(16).padStart(4, '0') + line
  })
  return Buffer.from(lines.join('') + flushPacket, 'latin1')
}

async function* bounded(stdout: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bytes = 0
  for await (const chunk of stdout) {
    bytes += chunk.length
    if (bytes > maxReportBytes) throw new Error('git has reported too much.')
    yield chunk
  }
}

function linesOf(report: string): string[] {
  const bytes = Buffer.from(report)
  const lines: string[] = []
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = pktLength(bytes, at)
    if (length === undefined || length < 4) break
    lines.push(bytes.toString('latin1', at + 4, at + length).trimEnd())
    at += length
  }
  return lines
}

function isOk(line: string): boolean {
  return line.startsWith('ok ')
}
