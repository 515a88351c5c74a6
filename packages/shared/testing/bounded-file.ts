import { after } from 'node:test'
import { patienceMs } from './patience.ts'

/*
 * For `node --test --import`: every test file ends by itself, or fails in words. What a failed test has left open (a timer,
 * a server, a process) would else keep its file, and with it the whole run, for good.
 */

/** In a file's own process; the runner's has no tests. */
if (process.env['NODE_TEST_CONTEXT'] !== undefined) {
  fail(30 * patienceMs, 'has not come to its end')
  after(() => fail(patienceMs, 'is over, but something keeps its process'))
}

function fail(afterMs: number, what: string): void {
  const end = () => {
    const left = process.getActiveResourcesInfo().join(', ')
    process.stderr.write(`This file ${what} within ${afterMs / 1000} s: ${process.argv[1]} (still open: ${left})\n`)
    process.exit(1)
  }
  setTimeout(end, afterMs).unref()
}
