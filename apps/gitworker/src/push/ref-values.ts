import { isUtf8 } from 'node:buffer'
import { isRefName } from '../git/ref-name.ts'
import type { RunJob } from '../process/job/job.ts'

/**
 * Asks git for the ids of references, each with its symbolic references followed.
 *
 * @param refs full names, one character for each byte. Those that are no valid names are left out of the result
 * @returns the id of each that could be asked for; undefined where there is no such reference
 * @throws {JobError}
 */
export async function refValues(
  gitDir: string,
  refs: readonly string[],
  runJob: RunJob,
): Promise<ReadonlyMap<string, string | undefined>> {
  const asked = [...new Set(refs)].filter(isRefName)
  if (asked.length === 0) return new Map()
  const patterns = asked.map(patternOf)
  const args = ['--git-dir', gitDir, 'for-each-ref', '--format=%(objectname) %(refname)', '--', ...patterns]
  const lines = (await runJob(args, { encoding: 'latin1' })).split('\n').filter(Boolean)
  const ids = new Map(lines.map((line) => [line.slice(line.indexOf(' ') + 1), line.slice(0, line.indexOf(' '))]))
  return new Map(asked.map((ref) => [ref, ids.get(ref)]))
}

/**
 * A pattern that fits the reference, and hardly any other. Without a special character in it, a name would also fit all
 * references below it. Bytes that are not UTF-8 cannot be arguments; each fits `?`.
 */
function patternOf(ref: string): string {
  const bytes = Buffer.from(ref, 'latin1')
  return isUtf8(bytes) ? bytes.toString().replace(/.$/u, '\\$&') : ref.replace(/[\x80-\xff]/g, '?')
}
