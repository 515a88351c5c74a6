import { fileURLToPath } from 'node:url'
import { cc } from 'bun:ffi'

/*
 * The launcher's process: Bun compiles it, and has no more part in it.
 *
 *   bun main.ts <socket's name> <milliseconds that workers have when the supervisor is gone>       with descriptor 3
 */

/** The supervisor's end of the other side. */
const control = 3

const problems = [
  '',
  'it cannot become a child subreaper',
  'the kernel does not list children',
  'it has no control socket',
]

const [socketName = '', lastGrace = ''] = process.argv.slice(2)
const { symbols } = cc({
  source: fileURLToPath(new URL('launcher.c', import.meta.url)),
  symbols: { launch: { args: ['i32', 'ptr', 'i32'], returns: 'i32' } },
})
const problem = symbols.launch(control, new TextEncoder().encode(`${socketName}\0`), Number(lastGrace))
process.stderr.write(`${problems[problem] ?? problem}\n`)
process.exit(1)
