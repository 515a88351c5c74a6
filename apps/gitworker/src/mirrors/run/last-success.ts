import { stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The time of this file in a repository is that of the mirror's last success, also for the next supervisor. */
const name = 'sluice-mirror'

export async function noteSuccess(gitDir: string): Promise<void> {
  const now = new Date()
  const file = join(gitDir, name)
  await utimes(file, now, now).catch(() => writeFile(file, ''))
}

/** In milliseconds since 1970. Undefined where there was none. */
export async function lastSuccessIn(gitDir: string): Promise<number | undefined> {
  return (await stat(join(gitDir, name)).catch(() => undefined))?.mtimeMs
}
