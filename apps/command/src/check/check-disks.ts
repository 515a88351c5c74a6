import { resolve } from 'node:path'
import { DiskSpace } from '@sluice/gitworker/capacity/disk-space'
import type { SupervisorConfig } from '@sluice/gitworker/config/config'
import { nearestFolder } from './check-addresses.ts'
import { error, ok, warning } from './findings/finding.ts'
import type { Finding } from './findings/finding.ts'
import { sizeText } from '../output/size-text.ts'

/** The disks that the host writes to: what is free, and whether that is enough for pushes. */
export async function checkDisks({ root, runFolder, spoolFolder, minFreeDisk }: SupervisorConfig): Promise<Finding[]> {
  const wanted = { root, run: runFolder, ...(spoolFolder === 'auto' ? {} : { spool: spoolFolder }) }
  const folders = Object.entries(wanted).map(
    async ([name, path]) => [name, await nearestFolder(resolve(path))] as const,
  )
  const disks = new DiskSpace(Object.fromEntries(await Promise.all(folders)), minFreeDisk)
  const shortage = await disks.shortage()
  const findings = (await disks.all()).map(([name, { freeBytes, totalBytes, freeInodes }]) => {
    const inodes = freeInodes === undefined ? '' : `, ${freeInodes} inodes`
    const what = `${sizeText(freeBytes)} of ${sizeText(totalBytes)} are free${inodes}.`
    return freeBytes === 0 || freeInodes === 0
      ? error(`disk (${name})`, what, 'Make room.')
      : ok(`disk (${name})`, what)
  })
  if (shortage === undefined) return findings
  const todo = 'Make room, or lower SLUICE_MIN_FREE_DISK. Pushes are refused until then.'
  return [...findings, warning('disk (root)', `${shortage[0]!.toUpperCase()}${shortage.slice(1)}.`, todo)]
}
