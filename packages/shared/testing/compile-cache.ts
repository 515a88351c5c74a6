import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

/*
 * What Node has compiled is kept, as `bin/sluice` does it: compiling would be half the time of a test file, and of the
 * applications that it starts. Coverage is less exact with it.
 */

const folder = fileURLToPath(new URL('../../../node_modules/.cache/compile', import.meta.url))

/** For the environment of what a test starts. */
export const compileCache: Readonly<Record<string, string>> =
  process.env['NODE_V8_COVERAGE'] === undefined ? { NODE_COMPILE_CACHE: folder } : {}

/** Of this process, from now on. */
export function keepCompiled(): void {
  const { NODE_COMPILE_CACHE } = compileCache
  if (NODE_COMPILE_CACHE !== undefined) enableCompileCache(NODE_COMPILE_CACHE)
}
