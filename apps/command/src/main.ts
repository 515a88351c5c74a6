import { run } from './run.ts'

process.exitCode = await run(process.argv.slice(2), process)
// A parent that watches the sources has a channel to this process, which would keep it alive.
if (process.connected) process.disconnect()
