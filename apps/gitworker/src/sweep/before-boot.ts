import { lstatSync, readFileSync, statfsSync, statSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { dirname } from 'node:path'
import { isInUse } from '../process/path-in-use.ts'

/*
 * What was made before this machine started has no owner that lives: its maker ended with the machine. That holds for
 * file systems that no other machine writes to.
 *
 * The time of the boot is now less the uptime, so it moves when the clock is set: late in the boot of a machine without a
 * clock of its own, or in a virtual machine that is resumed from a snapshot, whose processes lived on. Then /proc, which
 * was mounted at the boot, has an older time, and what lies between the two is certain only if nobody uses the repository.
 */

/** ext2 to ext4, XFS, Btrfs, ZFS, F2FS, bcachefs, tmpfs, overlayfs: statfs(2), `f_type`. What is not known may be shared. */
const localTypes = new Set([0xef53, 0x58465342, 0x9123683e, 0x2fc12fc1, 0xf2f52010, 0xca451a4e, 0x01021994, 0x794c7630])

const procType = 0x9fa0

/** A clock that is set right soon after the boot is so by seconds, as a rule. */
const slackMs = 60_000

/**
 * What is at a path, if it is this user's and nobody who lives can have made it.
 *
 * @param gitDir the repository that it is in
 */
export function foundFromBeforeBoot(path: string, gitDir: string): Stats | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found || found.uid !== process.getuid?.()) return undefined
  const booted = bootTime()
  if (booted === undefined || found.mtimeMs >= booted - slackMs || !isLocal(dirname(path))) return undefined
  const isCertain = found.mtimeMs < statSync('/proc').mtimeMs - slackMs
  return isCertain || !isInUse(gitDir) ? found : undefined
}

/** Milliseconds since 1970, as of proc_stat(5); undefined where something else stands in for /proc/stat (LXCFS, say). */
function bootTime(): number | undefined {
  if (statfsSync('/proc/stat').type !== procType) return undefined
  const seconds = /^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1]
  return seconds === undefined ? undefined : Number(seconds) * 1000
}

function isLocal(folder: string): boolean {
  return localTypes.has(statfsSync(folder).type)
}
