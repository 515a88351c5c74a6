import { keepCompiled, useCompileCache } from '@sluice/shared/machine/compile-cache'

// Before all else, and so before settings are read: what is wrong with this one is said then.
useCompileCache(process.env['SLUICE_RUN_FOLDER'] || '/run/sluice')
const { supervise } = await import('./supervise.ts')
await supervise(keepCompiled)
