import { parseInteger, truthOf } from './config-output.ts'
import type { ConfigValues } from './config-output.ts'
import type { ConfigSetting, FsyncMethod } from './config-file.ts'
import { onDisk, trustRoot } from './config-file.ts'

/*
 * Repositories may override defaults, so that these are in a file that git reads before the repository's own configuration.
 * They may not override limits: where they try, the limit goes on the command line, which overrides everything. It is put
 * there only if need be, because git commands in hooks inherit the command line's settings (GIT_CONFIG_PARAMETERS).
 */

export type PushDefaults = {
  readonly fsckObjects: boolean
  readonly packThreads: number
  /** How git makes what is pushed outlive a loss of power. Undefined where it is left to the file system. */
  readonly fsyncMethod: FsyncMethod | undefined
  /** Whether the references' old values are kept, with who has changed them. */
  readonly reflogs: boolean
}

export type PushLimits = {
  /** The largest pack that is allowed, in bytes. */
  readonly maxInputBytes: number | undefined
  /** Whether branches may only be fast-forwarded. */
  readonly denyForce: boolean
  /** The folder of hooks, in place of the repository's. */
  readonly hooksPath: string | undefined
}

/** What a repository's own configuration sets for pushes. */
export type OwnSettings = ConfigValues

/** The names that `OwnSettings` may have. */
export const ownNames = [
  'core.hookspath',
  'core.usereplacerefs',
  'receive.autogc',
  'receive.denynonfastforwards',
  'receive.fsckobjects',
  'receive.maxinputsize',
  'receive.unpacklimit',
  'transfer.fsckobjects',
  'transfer.unpacklimit',
] as const

/**
 * Harmless defects that old versions of git and other programs have left in the histories of many projects.
 * The list is Gitaly's (fsckConfiguration in internal/git/gitcmd/command_options.go).
 */
const tolerated = ['badTimezone', 'missingSpaceBeforeDate', 'zeroPaddedFilemode']

/**
 * How long a push, and a copy that takes it, waits for a lock, in milliseconds: git's own 100 are too short on a busy machine
 * when pack-refs is about to finish.
 */
export const patience: readonly ConfigSetting[] = [
  ['core.filesRefLockTimeout', '5000'],
  ['core.packedRefsTimeout', '5000'],
]

/** @returns the settings for receive-pack's configuration file, and those that must be on its command line */
export function pushConfig(
  { fsckObjects, packThreads, fsyncMethod, reflogs }: PushDefaults,
  limits: PushLimits,
  own: OwnSettings,
): { file: ConfigSetting[]; overrides: ConfigSetting[] } {
  const file: ConfigSetting[] = [
    trustRoot,
    ['pack.threads', String(packThreads)],
    ...patience,
    ...(fsyncMethod ? onDisk(fsyncMethod) : []),
    ...tolerated.map((defect): ConfigSetting => [`receive.fsck.${defect}`, 'ignore']),
  ]
  // For references of every kind: a tag that was forced is missed as much as a branch.
  if (reflogs) file.push(['core.logAllRefUpdates', 'always'])
  // receive.fsckObjects would override a transfer.fsckObjects. The latter is not used, since it also affects fetches in hooks.
  const saysFsck = own.has('receive.fsckobjects') || own.has('transfer.fsckobjects')
  if (fsckObjects && !saysFsck) file.push(['receive.fsckObjects', 'true'])
  const overrides: ConfigSetting[] = []
  for (const limit of limitSettings(limits)) {
    const said = own.get(limit[0].toLowerCase())
    if (said === undefined) file.push(limit)
    else if (!isAsStrict(limit, said)) overrides.push(limit)
  }
  return { file, overrides }
}

function limitSettings({ maxInputBytes, denyForce, hooksPath }: PushLimits): ConfigSetting[] {
  const settings: ConfigSetting[] = [
    // An automatic gc moves into a session of its own and outlives its request.
    ['receive.autogc', 'false'],
  ]
  // It is never set to `false`: a repository may deny this by itself.
  // A pushed refs/replace/ could give commits another history, and so make any update look like a fast-forward.
  if (denyForce) settings.push(['receive.denyNonFastForwards', 'true'], ['core.useReplaceRefs', 'false'])
  if (maxInputBytes !== undefined) {
    settings.push(['receive.maxInputSize', String(maxInputBytes)])
    // Unpacked, a small pack can become very large: its objects may be small differences from large ones. Before git 2.44,
    // the second setting wins.
    settings.push(['receive.unpackLimit', '1'], ['transfer.unpackLimit', '1'])
  }
  if (hooksPath !== undefined) settings.push(['core.hooksPath', hooksPath])
  return settings
}

function isAsStrict([name, value]: ConfigSetting, said: string | null): boolean {
  if (name === 'core.hooksPath') return false
  if (name === 'receive.maxInputSize') {
    const size = said === null ? undefined : parseInteger(said)
    // 0 is no limit. A negative limit lets nothing through.
    return size !== undefined && size !== 0 && size <= Number(value)
  }
  if (name.endsWith('.unpackLimit')) return said === '0' || said === '1'
  return truthOf(said) === (value === 'true')
}
