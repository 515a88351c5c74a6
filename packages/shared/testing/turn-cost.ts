import { renameSync, writeFileSync } from 'node:fs'

/*
 * To be loaded into an application (`NODE_OPTIONS=--import`): measures what the longest turn of its event loop has cost, in
 * milliseconds of its main thread's processor time, and keeps it in the file that TURN_COST names, followed by the pid. It is the
 * cost, not the time that passes, so that a busy machine does not count. SIGUSR2 begins anew.
 */

const file = `${process.env['TURN_COST']}.${process.pid}`
const lookEveryMs = 5

let longest = 0
let before = spent()

function spent(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** Between two looks lies one turn of the loop, and what fits into a few milliseconds besides. */
function look(): void {
  const now = spent()
  if (now - before > longest) write((longest = now - before))
  before = spent()
}

function write(milliseconds: number): void {
  writeFileSync(`${file}.new`, String(milliseconds))
  renameSync(`${file}.new`, file)
}

setInterval(look, lookEveryMs).unref()
process.on('SIGUSR2', () => {
  write((longest = 0))
  before = spent()
})
