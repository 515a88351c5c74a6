import { join } from 'node:path'

/*
 * Where the objects of a repository are: in its git directory, so that they go with it wherever it goes, to the trash and to
 * another name. git looks at nothing in `lfs`, and no request can address what lies in a repository.
 *
 *   <git directory>/lfs/objects/ab/cd/abcd…    an object, by its SHA-256
 *                      /incoming/abcd….<uuid>  one that is being uploaded
 *
 * The first is where git-lfs itself keeps objects, so `git lfs fetch --all` in a repository of the host fills it. The second
 * is a name that git-lfs does not know: it clears its own folder for temporary files, `lfs/tmp`, by age.
 */

export function lfsFolder(gitDir: string): string {
  return join(gitDir, 'lfs')
}

export function objectsFolder(gitDir: string): string {
  return join(gitDir, 'lfs', 'objects')
}

export function incomingFolder(gitDir: string): string {
  return join(gitDir, 'lfs', 'incoming')
}

/** @param oid 64 hexadecimal digits */
export function folderOf(gitDir: string, oid: string): string {
  return join(objectsFolder(gitDir), oid.slice(0, 2), oid.slice(2, 4))
}

export function pathOf(gitDir: string, oid: string): string {
  return join(folderOf(gitDir, oid), oid)
}
