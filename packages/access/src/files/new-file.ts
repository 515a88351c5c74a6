import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** How a file is made. */
export type NewFile = { readonly mode: number; readonly gid: number }

/**
 * Says who may read a file that is to be made. It is for its owner only, unless its folder belongs to another group than
 * this process does: then the folder has been prepared for that group (`install -d -g sluice -m 0750 /etc/sluice`), and
 * the group may read the file.
 */
export async function planNewFile(path: string): Promise<NewFile> {
  const own = process.getegid!()
  const { gid } = await stat(dirname(path))
  const mayGive = process.geteuid!() === 0 || process.getgroups!().includes(gid)
  return gid !== own && mayGive ? { mode: 0o640, gid } : { mode: 0o600, gid: own }
}
