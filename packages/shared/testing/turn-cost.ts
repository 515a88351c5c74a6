import { renameSync, writeFileSync } from 'node:fs'

/*
 * To be loaded into an application (`NODE_OPTIONS=--import`). Measures the longest turn of its event loop, in
 * milliseconds of its main thread's processor time, and writes it to the file that TURN_COST names, followed by the
 * pid. Processor time does not depend on how busy the machine is. SIGUSR2 starts again from 0.
 */

const file = `${process.env['TURN_COST']}.${process.pid}`
const lookEveryMs = 5

let longest = 0
let before = spent()

function spent(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** Between two calls lies one turn of the loop, and whatever else fits into a few milliseconds. */
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
