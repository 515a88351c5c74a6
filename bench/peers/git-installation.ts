import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { git } from '@sluice/shared/testing/git'

export type GitInstallation = { readonly version: string; readonly httpBackend: string }

/** The git that all contestants run: the first in PATH. */
export async function gitInstallation(): Promise<GitInstallation> {
  const version = (await git('/', ['version'])).replace(/^git version /, '')
  return { version, httpBackend: join(await git('/', ['--exec-path']), 'git-http-backend') }
}

/** Where a program is; servers are often not in a user's PATH. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The environment of `git http-backend`, for every server that starts it. */
export function backendEnvironment(root: string): Record<string, string> {
  return {
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: '1',
    PATH: process.env['PATH'] ?? '',
    // A server may run as another user than the repositories’ owner.
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'safe.directory',
    GIT_CONFIG_VALUE_0: '*',
  }
}
