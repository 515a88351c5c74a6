import type { ArchiveFormat } from '@sluice/shared/git/archive-name'
import type { GitCommand, GitOptions } from './command.ts'
import { gitEnvironment } from './environment.ts'
import { isGitAtLeast } from './git-version.ts'

export type ArchiveForm = {
  /** The whole id of a commit. */
  readonly commit: string
  readonly format: ArchiveFormat
  /** All files of the archive lie in a folder of this name. */
  readonly folder: string
}

/**
 * The command that writes an archive to its standard output: git-archive(1).
 *
 * Attributes in the commit decide what is in it (`export-ignore`, `export-subst`), and whoever can push writes those. So
 * nothing that an attribute can name is run: no filter of LFS, and no program that checks signatures (`%G?`). Filters that
 * the repository's own configuration defines under other names are the operator's.
 *
 * @param gitVersion the first line of `git version`
 */
export function archiveCommand(
  options: GitOptions,
  gitVersion: string,
  gitDir: string,
  { commit, format, folder }: ArchiveForm,
): GitCommand {
  // Since 2.38, git compresses by itself.
  const gzip = isGitAtLeast(gitVersion, 2, 38) ? 'git archive gzip' : 'gzip -cn'
  const pinned = [...settings, `tar.tar.gz.command=${gzip}`].flatMap((setting) => ['-c', setting])
  return {
    argv: [
      options.git,
      `--git-dir=${gitDir}`,
      '--no-replace-objects',
      ...pinned,
      'archive',
      `--format=${format}`,
      `--prefix=${folder}/`,
      commit,
    ],
    // Objects that are missing are not fetched from elsewhere.
    env: { ...gitEnvironment(options.path, options.configFiles.fetch), GIT_NO_LAZY_FETCH: '1' },
    cwd: options.cwd,
  }
}

/** They win over the repository's own configuration. */
const settings = [
  'filter.lfs.smudge=',
  'filter.lfs.process=',
  'filter.lfs.required=false',
  'gpg.program=false',
  'gpg.x509.program=false',
  'gpg.ssh.program=false',
  'protocol.allow=never',
]
