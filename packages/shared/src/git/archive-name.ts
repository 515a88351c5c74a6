import { Refusal } from '../refusal/refusal.ts'

/** What `GET /R.git/archive/main.tar.gz` asks for. */
export type ArchiveName = {
  /** A branch, a tag, the full name of a reference, HEAD, or the id of a commit. The host checks it. */
  readonly ref: string
  readonly format: ArchiveFormat
}

export type ArchiveFormat = 'tar.gz' | 'zip'

/** git's own bound for a reference is that of a path. An archive's address has to fit into a line of an HTTP request. */
const maxRefBytes = 1024

/**
 * Reads the path of an archive. A reference may have slashes in it. After `.git`, what follows `/archive/` is an archive;
 * in other addresses, only with the ending of one: `archive` may be a part of a repository's name.
 *
 * @param path decoded
 * @returns undefined for what is no archive's address
 * @throws {Refusal} `bad_archive_name`
 */
export function archiveIn(path: string): { repository: string; file: { archive: ArchiveName } } | undefined {
  const [, repository, name] = strict.exec(path) ?? loose.exec(path) ?? []
  if (repository === undefined || name === undefined) return undefined
  const [, ref, format] = /^(.+)\.(tar\.gz|zip)$/s.exec(name) ?? []
  if (ref === undefined || format === undefined || Buffer.byteLength(ref) > maxRefBytes) {
    throw new Refusal('bad_archive_name')
  }
  return { repository, file: { archive: { ref, format: format as ArchiveFormat } } }
}

const strict = /^\/(.+?\.[gG][iI][tT])\/archive\/(.*)$/s
const loose = /^\/(.+?)\/archive\/(.+\.(?:tar\.gz|zip))$/s
