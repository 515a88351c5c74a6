import { writeSync } from 'node:fs'
import { run } from './run.ts'

// Whoever reads the output may have had enough of it, as `head` has. A disk may be full.
for (const stream of [process.stdout, process.stderr]) stream.on('error', (error) => endWithout(stream, error))

process.exitCode = await run(process.argv.slice(2), process)
// A parent that watches the sources has a channel to this process, which would keep it alive.
if (process.connected) process.disconnect()

function endWithout(stream: NodeJS.WriteStream, error: Error): never {
  const isClosed = 'code' in error && error.code === 'EPIPE'
  if (!isClosed && stream === process.stdout) writeSync(2, `error: The output cannot be written: ${error.message}.\n`)
  process.exit(1)
}
