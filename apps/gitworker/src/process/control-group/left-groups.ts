import { existsSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { readText } from '@sluice/shared/machine/control-group'
import type { Logger } from '@sluice/shared/telemetry/log'

/*
 * The control groups of supervisors that were killed. They stand in a note in the runtime directory. Whoever owns that knows
 * that its earlier owners are dead, so that what lives in their groups is nobody's any more:
 *
 *   left ──what lives in it has a moment to end by itself──▶ killed ──populated 0──▶ removed, from the inside out
 */

/** A run's own folder, as request-groups.ts names it. */
const runFolder = /^sluice-[\da-f]{16}$/

/** A launcher whose supervisor was killed ends when its workers have. The requests among them have been ended before. */
const patienceMs = 1000

/** Whatever has not ended by then is held by the kernel, and left to the next start. */
const lastMs = 5000

const lookEveryMs = 20

/**
 * Ends what lives in the groups of earlier supervisors, and removes them.
 *
 * @param note in the runtime directory, which this process owns
 * @param files the root of the file system whose /proc is read
 */
export async function endLeftGroups(note: string, log: Logger, files = '/'): Promise<void> {
  const folders = (readText(note) ?? '').split('\n').filter((folder) => runFolder.test(basename(folder)))
  const kept: string[] = []
  for (const folder of folders) {
    // Whatever was started in it, such as this process, would be killed with it.
    if (isOwn(folder, files) || !(await end(folder, log))) kept.push(folder)
  }
  if (kept.length === 0) return rmSync(note, { force: true })
  log.warn({ folders: kept }, 'control groups of an earlier supervisor could not be removed')
  writeFileSync(note, kept.map((folder) => `${folder}\n`).join(''))
}

function isOwn(folder: string, files: string): boolean {
  const own = `${(readText(join(files, 'proc/self/cgroup')) ?? '').trim()}\n`
  return own.includes(`/${basename(folder)}/`) || own.includes(`/${basename(folder)}\n`)
}

/** @returns whether it is gone */
async function end(folder: string, log: Logger): Promise<boolean> {
  const startedAt = performance.now()
  let isKilled = false
  // Only a control group has this file, and it says so of all groups below it, too.
  while (existsSync(join(folder, 'cgroup.events'))) {
    const hasTime = performance.now() - startedAt
    if (isEmpty(folder) && remove(folder)) return true
    if (hasTime > lastMs) return false
    if (hasTime > patienceMs) {
      if (!isKilled) log.warn({ folder }, 'ending what an earlier supervisor has left in its control groups')
      isKilled = true
      kill(folder)
    }
    await pause(lookEveryMs)
  }
  return true
}

function isEmpty(folder: string): boolean {
  return /^populated 0$/m.test(readText(join(folder, 'cgroup.events')) ?? '')
}

/** The kernel removes no group that has living members, or groups in it. */
function remove(folder: string): boolean {
  try {
    for (const { name } of readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
      rmdirSync(join(folder, name))
    }
    rmdirSync(folder)
    return true
  } catch {
    return false
  }
}

/** Kills all that is in the group and in those below it. */
function kill(folder: string): void {
  try {
    writeFileSync(join(folder, 'cgroup.kill'), '1')
  } catch {
    // It is gone, or is tried again.
  }
}
