import type { GitRequest } from '@sluice/shared/git-request'
import type { GitCommand } from '@sluice/shared/worker-message'
import { clientEnvironment, gitEnvironment } from './environment.ts'

/** What of the configuration git's command lines depend on. */
export type GitOptions = {
  /** The program: a path, or a name for PATH. */
  readonly git: string
  /** PATH for git and its hooks. */
  readonly path: string
  /** An empty folder: git's HOME and working folder. */
  readonly home: string
  readonly fsckObjects: boolean
  readonly packThreads: number
  /** Bytes. */
  readonly packWindowMemory: number
}

/** What a push may not do: bring more than so many bytes, or move a branch otherwise than forward. */
export type PushLimits = { readonly maxInputBytes: number | undefined; readonly denyForce?: boolean }

/** The command for a request on a repository that has been found. */
export function serviceCommand(
  options: GitOptions,
  request: GitRequest,
  gitDir: string,
  client: { user: string | undefined; address: string },
  limits: PushLimits,
): GitCommand {
  const advertise = request.kind === 'advertisement' ? ['--http-backend-info-refs'] : []
  // receive-pack has no --strict; the folder is known to be a git directory.
  const strict = request.service === 'upload-pack' ? ['--strict'] : []
  return {
    argv: [
      options.git,
      ...serviceConfig(options, limits),
      request.service,
      ...strict,
      '--stateless-rpc',
      ...advertise,
      '--',
      gitDir,
    ],
    env: {
      ...gitEnvironment(options),
      ...clientEnvironment(client),
      ...(request.protocol !== undefined && { GIT_PROTOCOL: request.protocol }),
    },
    cwd: options.home,
  }
}

/** A command of the supervisor's own: `args` after `git`, with `--` before any name. */
export function jobCommand(options: GitOptions, args: readonly string[]): GitCommand {
  return {
    argv: [options.git, ...commonConfig, ...args],
    env: gitEnvironment(options),
    cwd: options.home,
  }
}

/** The root belongs to the operator, whoever owns the files in it. */
const commonConfig = ['-c', 'safe.directory=*']

function serviceConfig(
  { fsckObjects, packThreads, packWindowMemory }: GitOptions,
  { maxInputBytes, denyForce }: PushLimits,
): string[] {
  const settings = [
    'uploadpack.allowFilter=true',
    `transfer.fsckObjects=${fsckObjects}`,
    `pack.threads=${packThreads}`,
    `pack.windowMemory=${packWindowMemory}`,
    // An automatic gc detaches into a session of its own and outlives its request.
    'receive.autogc=false',
    'gc.auto=0',
    'maintenance.auto=false',
    // Not `false` where nothing is denied: a repository may deny it for itself.
    // A pushed refs/replace/ must not be able to give a commit another history for that comparison.
    ...(denyForce ? ['receive.denyNonFastForwards=true', 'core.useReplaceRefs=false'] : []),
    ...(maxInputBytes === undefined ? [] : [`receive.maxInputSize=${maxInputBytes}`]),
  ]
  return [...commonConfig, ...settings.flatMap((setting) => ['-c', setting])]
}
