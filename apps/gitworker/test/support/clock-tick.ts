import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

/** Waits until a file that changes gets another time than before, however coarse the clock that stamps files is. */
export async function untilClockTicks(folder: string): Promise<void> {
  const stamp = () => {
    writeFileSync(join(folder, 'tick'), 'tock')
    return statSync(join(folder, 'tick'), { bigint: true }).mtimeNs
  }
  for (const first = stamp(); stamp() <= first;) await setTimeout(1)
}
