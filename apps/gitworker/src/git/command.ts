import type { GitRequest } from '@sluice/shared/git/git-route'
import type { ConfigFiles, ConfigSetting } from './config-file.ts'
import { clientEnvironment, gitEnvironment } from './environment.ts'

/** git to be run: `argv[0]` is the program; nothing else of the supervisor's environment is passed on. */
export type GitCommand = {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
}

/** What of the configuration git's command lines depend on. */
export type GitOptions = {
  /** The program: a path, or a name for PATH. */
  readonly git: string
  /** PATH for git and its hooks. */
  readonly path: string
  /** git's working folder: an empty one. */
  readonly cwd: string
  readonly configFiles: ConfigFiles
  readonly fsckObjects: boolean
  readonly packThreads: number
  /** Where GPG finds the keys that signed pushes are checked with. */
  readonly gnupgHome: string | undefined
}

/** What a push has of its own. */
export type PushPlace = {
  readonly home: string
  readonly config: string
  /** What must win over the repository's own configuration. */
  readonly overrides: readonly ConfigSetting[]
}

/**
 * The command for a request on a repository that has been found.
 *
 * @param filters whether partial clones are offered where the repository does not say so itself
 */
export function serviceCommand(
  options: GitOptions,
  request: GitRequest,
  gitDir: string,
  client: { user: string | undefined; address: string },
  push?: PushPlace,
  filters = offersFilters(request, false),
): GitCommand {
  const advertise = request.kind === 'advertisement' ? ['--http-backend-info-refs'] : []
  // receive-pack has no --strict; the folder is known to be a git directory.
  const strict = request.service === 'upload-pack' ? ['--strict'] : []
  const overrides = push?.overrides ?? []
  return {
    argv: [
      options.git,
      ...overrides.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      request.service,
      ...strict,
      '--stateless-rpc',
      ...advertise,
      '--',
      gitDir,
    ],
    env: {
      ...gitEnvironment(options.path, push?.config ?? configFor(options, request, filters), push?.home),
      ...clientEnvironment(client),
      ...(push !== undefined && options.gnupgHome !== undefined && { GNUPGHOME: options.gnupgHome }),
      ...(request.protocol !== undefined && { GIT_PROTOCOL: request.protocol }),
    },
    cwd: options.cwd,
  }
}

/** A command of the supervisor's own: `args` after `git`, with `--` before any name. */
export function jobCommand(options: GitOptions, args: readonly string[]): GitCommand {
  return {
    argv: [options.git, ...args],
    env: gitEnvironment(options.path, options.configFiles.plain),
    cwd: options.cwd,
  }
}

function configFor({ configFiles }: GitOptions, { service }: GitRequest, filters: boolean): string {
  if (service === 'receive-pack') return configFiles.plain
  return filters ? configFiles.filteringFetch : configFiles.fetch
}

/**
 * Whether partial clones are offered where the repository does not say so itself. What such a clone lacks it asks for
 * object by object, which git allows before protocol version 2 only where the repository says so
 * (`uploadpack.allowAnySHA1InWant`): without, its checkout would fail.
 */
export function offersFilters({ service, version }: GitRequest, allowsAnyObject: boolean): boolean {
  return service === 'upload-pack' && (version === 2 || allowsAnyObject)
}
