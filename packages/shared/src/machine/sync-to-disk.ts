import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

/** Makes the names in a folder outlive a loss of power. @throws the file system's error */
export async function syncFolder(path: string | Buffer): Promise<void> {
  await using folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  await folder.sync()
}

/** Makes what is in a file outlive a loss of power. @throws the file system's error */
export async function syncFile(path: string | Buffer): Promise<void> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  await file.sync()
}
