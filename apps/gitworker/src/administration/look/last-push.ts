import { stat } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * What a push changes, and reading does not: `objects` gets the quarantine of each push that brings objects, and the others
 * change with the references. Looking at the reflogs or at each reference would tell more, and cost a hundred times as much.
 */
const changedByPushes = ['objects', 'refs/heads', 'refs/tags', 'packed-refs', 'reftable/tables.list']

/**
 * About when a repository was last pushed to: the newest time of what a push changes. A rejected push and a gc count, too.
 *
 * @returns milliseconds since 1970; undefined where nothing can be read
 */
export async function lastPush(gitDir: string): Promise<number | undefined> {
  const times = await Promise.all(
    changedByPushes.map((name) =>
      stat(join(gitDir, name)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  )
  const newest = Math.max(...times)
  return newest === 0 ? undefined : newest
}
