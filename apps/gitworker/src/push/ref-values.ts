import { isUtf8 } from 'node:buffer'
import { isRefName } from '../git/ref-name.ts'
import type { RunJob } from '../process/job/job.ts'

/**
 * Asks git for the ids of references, each with its symbolic references followed.
 *
 * @param refs full names, one character for each byte. Those that cannot be asked for, because they are not UTF-8 or no
 *   valid names, are left out of the result
 * @returns the id of each that could be asked for; undefined where there is no such reference
 * @throws {JobError}
 */
export async function refValues(
  gitDir: string,
  refs: readonly string[],
  runJob: RunJob,
): Promise<ReadonlyMap<string, string | undefined>> {
  const asked = [...new Set(refs)].filter((ref) => isUtf8(Buffer.from(ref, 'latin1')) && isRefName(ref))
  if (asked.length === 0) return new Map()
  const names = asked.map((ref) => Buffer.from(ref, 'latin1').toString())
  const args = ['--git-dir', gitDir, 'for-each-ref', '--format=%(objectname) %(refname)', '--', ...names]
  const lines = (await runJob(args, { encoding: 'latin1' })).split('\n').filter(Boolean)
  const ids = new Map(lines.map((line) => [line.slice(line.indexOf(' ') + 1), line.slice(0, line.indexOf(' '))]))
  return new Map(asked.map((ref) => [ref, ids.get(ref)]))
}
