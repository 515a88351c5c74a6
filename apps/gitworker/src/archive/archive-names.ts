import type { ArchiveName } from '@sluice/shared/git/archive-name'
import { plainName } from '@sluice/shared/git/repository-name'

/** The same bound as for a part of a repository's name. The rest of a file name is for `.tar.gz`. */
const maxFolderBytes = 240

/**
 * The folder that all files of an archive lie in, which the archive is also called by: `project-v1.0`, `app-feature-x`.
 *
 * @param repository as it was addressed: `team/project.git`
 */
export function archiveFolder(repository: string, { ref }: ArchiveName): string {
  const name = plainName(repository).split('/').pop() ?? ''
  const short = ref.replace(/^refs\/(?:heads|tags)\//, '').replaceAll('/', '-')
  return cut(`${name}-${short}`, maxFolderBytes)
}

/**
 * The `Content-Disposition` of a file that a browser is to save (RFC 6266). Old clients get the name in ASCII.
 *
 * @param name any text without slashes
 */
export function attachment(name: string): string {
  const ascii = name.replace(/[^\w.+-]/g, '_')
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16)}`)
  return `attachment; filename="${ascii}"${ascii === name ? '' : `; filename*=UTF-8''${encoded}`}`
}

/** Cuts between characters. */
function cut(text: string, maxBytes: number): string {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(maxBytes))
  return text.slice(0, read)
}
