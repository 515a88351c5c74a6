import type { GitRequest } from '@sluice/shared/git/git-route'
import type { ConfigFiles, ConfigSetting } from './config-file.ts'
import { clientEnvironment, gitEnvironment } from './environment.ts'

/** A git to be run. `argv[0]` is the program, and `env` is the whole environment. */
export type GitCommand = {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  /** As of nice(2); undefined and 0 leave the supervisor's own. */
  readonly niceness?: number
}

/** The settings that git's command lines depend on. */
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
  readonly fsync: boolean
  readonly reflogs: boolean
  /** Where GPG finds the keys that signed pushes are checked with. */
  readonly gnupgHome: string | undefined
  /** Of the supervisor's own commands. */
  readonly jobNiceness: number
}

/** What each push has for itself. */
export type PushPlace = {
  readonly home: string
  readonly config: string
  /** Settings that must override the repository's own configuration. */
  readonly overrides: readonly ConfigSetting[]
}

/**
 * The command that serves a request.
 *
 * @param gitDir a repository that was found
 * @param filters whether partial clones are offered unless the repository's own configuration decides
 * @param overrides settings that must override the repository's own configuration: by default those of the push
 */
export function serviceCommand(
  options: GitOptions,
  request: GitRequest,
  gitDir: string,
  client: { user: string | undefined; address: string },
  push?: PushPlace,
  filters = offersFilters(request, false),
  overrides: readonly ConfigSetting[] = push?.overrides ?? [],
): GitCommand {
  const advertise = request.kind === 'advertisement' ? ['--http-backend-info-refs'] : []
  // receive-pack has no --strict. The folder is known to be a git directory.
  const strict = request.service === 'upload-pack' ? ['--strict'] : []
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

/** A command of the supervisor's own. `args` follow `git`, and have `--` before any name. */
export function jobCommand(options: GitOptions, args: readonly string[]): GitCommand {
  return {
    argv: [options.git, ...args],
    env: gitEnvironment(options.path, options.configFiles.own),
    cwd: options.cwd,
    niceness: options.jobNiceness,
  }
}

/** A command of the supervisor's own that may work for long: it has the threads and the memory of a fetch. */
export function longJobCommand(options: GitOptions, args: readonly string[]): GitCommand {
  return { ...jobCommand(options, args), env: gitEnvironment(options.path, options.configFiles.fetch) }
}

/** The same in a repository that is synced afterwards: see `FsyncMethod`. */
export function syncedJobCommand(options: GitOptions, args: readonly string[]): GitCommand {
  return { ...jobCommand(options, args), env: gitEnvironment(options.path, options.configFiles.synced) }
}

/** The command, which appends to a file what it starts, and in which folders: see push-trace.ts. */
export function tracedTo(file: string | undefined, command: GitCommand): GitCommand {
  return file === undefined ? command : { ...command, env: { ...command.env, GIT_TRACE: file } }
}

function configFor({ configFiles }: GitOptions, { service }: GitRequest, filters: boolean): string {
  if (service === 'receive-pack') return configFiles.plain
  return filters ? configFiles.filteringFetch : configFiles.fetch
}

/**
 * Whether partial clones are offered unless the repository's own configuration decides. A partial clone asks for missing
 * objects one by one. Before protocol version 2, git allows that only where the repository does
 * (`uploadpack.allowAnySHA1InWant`); elsewhere the clone's checkout would fail.
 */
export function offersFilters({ service, version }: GitRequest, allowsAnyObject: boolean): boolean {
  return service === 'upload-pack' && (version === 2 || allowsAnyObject)
}
