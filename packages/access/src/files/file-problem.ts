import { dirname } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'

/** A file that cannot be read or changed. The message is a sentence that says why, and what to do. */
export class FileProblem extends Error {
  override readonly name = 'FileProblem'
}

/** Says what an error of the file system means for a file that was to be changed. Other errors stay as they are. */
export function inWords(error: unknown, path: string): unknown {
  const words = sentences[errnoOf(error) ?? '']
  return words ? new FileProblem(`${words(path)} Nothing was changed.`, { cause: error }) : error
}

function mayNot(path: string): string {
  return `You may not write to ${path} and to its folder: run this command as somebody who may, such as root.`
}

const sentences: Readonly<Record<string, (path: string) => string>> = {
  EACCES: mayNot,
  EPERM: mayNot,
  EROFS: (path) => `${path} is mounted read-only: change it where it comes from.`,
  EBUSY: (path) =>
    `${path} is a mount of its own, which cannot be replaced: change it where it comes from, or mount its folder.`,
  ENOENT: (path) => `There is no folder ${dirname(path)}: make it first.`,
  ENOTDIR: (path) => `${dirname(path)} is no folder.`,
  ENOSPC: (path) => `There is no space left for ${path}.`,
  EDQUOT: (path) => `There is no space left for ${path}.`,
  EFBIG: (path) => `There is no space left for ${path}.`,
  ELOOP: (path) => `${path} is a symbolic link.`,
  ENAMETOOLONG: (path) => `The name ${path} is too long.`,
}
