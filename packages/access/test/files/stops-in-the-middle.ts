import { writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { lockFile } from '../../src/files/file-lock.ts'
import { openTemporary } from '../../src/files/temporary-file.ts'

/* A command that holds the lock of a file and has half written what would take its place, and stays so until killed. */

const path = process.argv[2]!
await using _lock = await lockFile(path)
await using temporary = await openTemporary(path)
await temporary.handle.writeFile(`half of ${dirname(path)}`)
writeSync(1, 'in the middle\n')
await new Promise((resolve) => setTimeout(resolve, 60_000))
