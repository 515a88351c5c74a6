import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ConfigError } from '@sluice/shared/config/config-error'

/** How a worker process is started. */
export type WorkerRuntime = {
  readonly name: 'bun' | 'node'
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

const entry = (runtime: 'bun' | 'node') => fileURLToPath(new URL(`../../worker/main.${runtime}.ts`, import.meta.url))

const run = promisify(execFile)

/**
 * @param wanted `auto` is Bun if it is installed and runs, or else Node
 * @param folder for files that make workers start faster
 * @throws {ConfigError} if Bun is asked for and cannot be run
 */
export async function findWorkerRuntime(wanted: 'auto' | 'bun' | 'node', folder: string): Promise<WorkerRuntime> {
  if (wanted === 'node') return onNode(folder)
  for (const program of bunCandidates()) {
    const runtime = await onBun(program, folder)
    if (runtime) return runtime
  }
  if (wanted === 'auto') return onNode(folder)
  throw new ConfigError([
    'SLUICE_WORKER_RUNTIME is bun, but Bun is not installed: "npm ci" brings it, or put bun into PATH.',
  ])
}

/** The cache saves each worker 50 ms, in which Node would strip the types from its sources. */
function onNode(folder: string): WorkerRuntime {
  const env = { NODE_COMPILE_CACHE: join(folder, 'compile-cache') }
  return { name: 'node', program: process.execPath, args: [entry('node')], env }
}

/**
 * The worker's sources are bundled into one file of plain JavaScript, which saves each worker 2 ms. Bun gets as few threads
 * as it can run with: each takes time at the start, and counts against pids.max.
 *
 * @returns undefined if it does not run. The program in the npm package is a stub until its install script has run
 */
async function onBun(program: string, folder: string): Promise<WorkerRuntime | undefined> {
  const worker = join(folder, 'worker.js')
  try {
    const args = ['build', '--target=bun', `--outfile=${worker}`, entry('bun')]
    await run(program, args, { timeout: 30_000, env: {}, cwd: folder })
  } catch {
    return undefined
  }
  return {
    name: 'bun',
    program,
    args: ['--no-install', '--no-env-file', worker],
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
