import { lstatSync, readFileSync, statfsSync, statSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { dirname } from 'node:path'
import { isInUse } from '../process/path-in-use.ts'

/*
 * What was made before this machine started has no living owner: its maker ended with the machine. This holds for file
 * systems that no other machine writes to.
 *
 * The kernel computes the time of the boot as now less the uptime, so it moves when the clock is set. This happens late
 * in the boot of a machine without a clock of its own, and in a virtual machine that is resumed from a snapshot, whose
 * processes lived on. In both cases /proc, which was mounted at the boot, has an older time. A file from between the
 * two times counts as ownerless only if no process uses the repository.
 */

/** ext2 to ext4, XFS, Btrfs, ZFS, F2FS, bcachefs, tmpfs, overlayfs: `f_type` of statfs(2). Any other may be shared. */
const localTypes = new Set([0xef53, 0x58465342, 0x9123683e, 0x2fc12fc1, 0xf2f52010, 0xca451a4e, 0x01021994, 0x794c7630])

const procType = 0x9fa0

/** A clock that is corrected soon after the boot is usually off by seconds. */
const slackMs = 60_000

/**
 * What is at a path, if it is this user's and no living process can have made it.
 *
 * @param gitDir the repository that the path is in
 */
export function foundFromBeforeBoot(path: string, gitDir: string): Stats | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found || found.uid !== process.getuid?.()) return undefined
  const booted = bootTime()
  if (booted === undefined || found.mtimeMs >= booted - slackMs || !isLocal(dirname(path))) return undefined
  const isCertain = found.mtimeMs < statSync('/proc').mtimeMs - slackMs
  return isCertain || !isInUse(gitDir) ? found : undefined
}

/** Milliseconds since 1970, as of proc_stat(5); undefined if something else, such as LXCFS, stands in for /proc/stat. */
function bootTime(): number | undefined {
  if (statfsSync('/proc/stat').type !== procType) return undefined
  const seconds = /^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1]
  return seconds === undefined ? undefined : Number(seconds) * 1000
}

function isLocal(folder: string): boolean {
  return localTypes.has(statfsSync(folder).type)
}
