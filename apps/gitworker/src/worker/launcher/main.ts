import { fileURLToPath } from 'node:url'
import { cc } from 'bun:ffi'

/*
 * The launcher's process: Bun compiles it, and has no more part in it.
 *
 *   bun main.ts <socket's name> <milliseconds that workers have when the supervisor is gone> [<folder of control groups>]
 *
 * with descriptor 3
 */

/** The supervisor's end of the other side. */
const control = 3

const problems = [
  '',
  'it cannot become a child subreaper',
  'the kernel does not list children',
  'it has no control socket',
  'the folder of control groups cannot be opened',
]

const [socketName = '', lastGrace = '', groups = ''] = process.argv.slice(2)
const { symbols } = cc({
  source: fileURLToPath(new URL('launcher.c', import.meta.url)),
  symbols: { launch: { args: ['i32', 'ptr', 'ptr', 'i32'], returns: 'i32' } },
})
const forC = (text: string) => new TextEncoder().encode(`${text}\0`)
const problem = symbols.launch(control, forC(socketName), forC(groups), Number(lastGrace))
process.stderr.write(`${problems[problem] ?? problem}\n`)
process.exit(1)
