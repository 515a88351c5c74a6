import { earlyRunFolder } from '@sluice/shared/config/early-run-folder'
import { keepCompiled, useCompileCache } from '@sluice/shared/machine/compile-cache'

// This comes before all other imports, so the settings are not read yet. A wrong SLUICE_RUN_FOLDER is reported later.
useCompileCache(await earlyRunFolder(process.env))
const { supervise } = await import('./supervise.ts')
await supervise(keepCompiled)
