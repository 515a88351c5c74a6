import { readFileSync } from 'node:fs'
import { after } from 'node:test'
import { keepCompiled } from './compile-cache.ts'
import { patienceMs } from './patience.ts'

/*
 * For `node --test --import`: every test file ends by itself, or fails in words. Otherwise, a timer, server or process
 * that a failed test has left open would keep its file running, and with it the whole run.
 */

keepCompiled()

/** In the process of a test file. The runner's own process has no tests. */
if (process.env['NODE_TEST_CONTEXT'] !== undefined) {
  fail(30 * patienceMs, 'has not come to its end')
  after(() => fail(patienceMs, 'is over, but something keeps its process'))
}

function fail(afterMs: number, what: string): void {
  const end = () => {
    const left = process.getActiveResourcesInfo().join(', ')
    process.stderr.write(`This file ${what} within ${afterMs / 1000} s: ${process.argv[1]} (still open: ${left})\n`)
    for (const pid of children()) process.kill(pid, 'SIGTERM')
    process.exit(1)
  }
  setTimeout(end, afterMs).unref()
}

/** Processes that this file has started and not ended. */
function children(): number[] {
  try {
    const text = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')
    return text.split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}
