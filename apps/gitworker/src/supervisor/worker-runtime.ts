import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** How a worker process is started. */
export type WorkerRuntime = {
  readonly name: 'bun' | 'node'
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

const entry = (runtime: 'bun' | 'node') => fileURLToPath(new URL(`../worker/main.${runtime}.ts`, import.meta.url))

/**
 * @param wanted `auto` is Bun where it is installed and runs, else Node
 * @throws where Bun is asked for and is not there
 */
export async function findWorkerRuntime(wanted: 'auto' | 'bun' | 'node'): Promise<WorkerRuntime> {
  if (wanted === 'node') return onNode()
  for (const program of bunCandidates()) {
    if (await runs(program)) return onBun(program)
  }
  if (wanted === 'auto') return onNode()
  throw new Error(
    'SLUICE_WORKER_RUNTIME is bun, but Bun is not installed: "npm install" brings it, or put bun into PATH.',
  )
}

function onNode(): WorkerRuntime {
  return { name: 'node', program: process.execPath, args: [entry('node')], env: {} }
}

/** A worker runs for milliseconds: fewer threads cost less at start, and each counts against pids.max. */
function onBun(program: string): WorkerRuntime {
  return {
    name: 'bun',
    program,
    args: ['--no-install', '--no-env-file', entry('bun')],
    env: {
      BUN_JSC_useConcurrentGC: '0',
      BUN_JSC_useConcurrentJIT: '0',
      BUN_JSC_useDFGJIT: '0',
      BUN_JSC_numberOfGCMarkers: '1',
    },
  }
}

function bunCandidates(): string[] {
  const inPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'bun'))
  return [...bunOfPackage(), ...inPath].filter((path) => existsSync(path))
}

function bunOfPackage(): string[] {
  try {
    const packageJson = createRequire(import.meta.url).resolve('bun/package.json')
    return [join(packageJson, '../bin/bun.exe')]
  } catch {
    return []
  }
}

/** The package's program is a stub until its install script has run. */
async function runs(program: string): Promise<boolean> {
  try {
    await promisify(execFile)(program, ['--version'], { timeout: 10_000, env: {} })
    return true
  } catch {
    return false
  }
}
