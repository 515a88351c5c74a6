import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

/** Whatever changes after this bears another time than what changed before, be the kernel's clock for files ever so coarse. */
export async function untilClockTicks(folder: string): Promise<void> {
  const stamp = () => {
    writeFileSync(join(folder, 'tick'), 'tock')
    return statSync(join(folder, 'tick'), { bigint: true }).mtimeNs
  }
  for (const first = stamp(); stamp() <= first;) await setTimeout(1)
}
