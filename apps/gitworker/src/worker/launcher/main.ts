import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
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
const libraries = folderWithLibc()
const { symbols } = compile()
const forC = (text: string) => new TextEncoder().encode(`${text}\0`)
const problem = symbols.launch(control, forC(socketName), forC(groups), Number(lastGrace))
process.stderr.write(`${problems[problem] ?? problem}\n`)
process.exit(1)

function compile() {
  try {
    return cc({
      source: fileURLToPath(new URL('launcher.c', import.meta.url)),
      ...(libraries === undefined ? {} : { flags: `-L${libraries}` }),
      symbols: { launch: { args: ['i32', 'ptr', 'ptr', 'i32'], returns: 'i32' } },
    })
  } finally {
    if (libraries !== undefined) rmSync(libraries, { recursive: true })
  }
}

/**
 * The compiler looks for a file `libc.so`, which only packages for developers have. The library that this process itself
 * runs with will do, so a link of that name is made to it.
 *
 * @returns a folder in the working folder; undefined if the library is not found, and the compiler is left to look
 */
function folderWithLibc(): string | undefined {
  const maps = readFileSync('/proc/self/maps', 'utf8')
  const path = /\/\S*\/(?:libc\.so\.6|libc-[\d.]+\.so|ld-musl-\w+\.so\.1)$/m.exec(maps)?.[0]
  if (path === undefined) return undefined
  const folder = mkdtempSync('./libc-')
  symlinkSync(path, `${folder}/libc.so`)
  return folder
}
