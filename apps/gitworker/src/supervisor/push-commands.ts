import { pktLength } from '@sluice/shared/pkt-line'
import type { RunJob } from '../git/job.ts'

/** What a push asks for: gitprotocol-pack(5), "Reference Update Request and Packfile Transfer". */
export type PushCommand = { readonly newId: string; readonly ref: string }

const maxCommands = 100

/** The commands in the beginning of a push's body, as far as they are there. */
export function pushCommands(beginning: Buffer): PushCommand[] {
  const commands: PushCommand[] = []
  for (let offset = 0; commands.length < maxCommands;) {
    const length = pktLength(beginning, offset)
    if (length === undefined || length < 4 || offset + length > beginning.length) break
    const line = beginning.toString('utf8', offset + 4, offset + length)
    const [, newId, ref] = /^[0-9a-f]{40,64} ([0-9a-f]{40,64}) ([^\0\n]+)/.exec(line) ?? []
    if (newId !== undefined && ref !== undefined) commands.push({ newId, ref })
    offset += length
  }
  return commands
}

/** Whether a reference is what one of the commands wanted it to be: for a push whose client did not wait to hear it. */
export async function isCommitted(gitDir: string, commands: readonly PushCommand[], runJob: RunJob): Promise<boolean> {
  if (commands.length === 0) return false
  const refs = commands.map(({ ref }) => ref)
  const args = ['--git-dir', gitDir, 'for-each-ref', '--format=%(objectname) %(refname)', '--', ...refs]
  const now = new Set((await runJob(args)).split('\n'))
  return commands.some(({ newId, ref }) => now.has(`${newId} ${ref}`))
}
