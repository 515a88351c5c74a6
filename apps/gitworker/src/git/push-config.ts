import type { ConfigSetting } from './config-file.ts'
import { trustRoot } from './config-file.ts'

/*
 * A default is a default: a repository's own word wins, so defaults stand in a file that git reads before it. A limit is a
 * limit: where the repository says otherwise, it is given on the command line, which wins over everything. Only there,
 * because a command line is handed on to git commands below (GIT_CONFIG_PARAMETERS).
 */

export type PushDefaults = { readonly fsckObjects: boolean; readonly packThreads: number }

export type PushLimits = {
  /** What a pack may have at most, in bytes. */
  readonly maxInputBytes: number | undefined
  /** Whether no branch may move otherwise than forward. */
  readonly denyForce: boolean
  /** Where the hooks are to be found, if not where the repository says. */
  readonly hooksPath: string | undefined
}

/** What a repository's own configuration says of pushes: git's canonical names, the last value of each; null is no value. */
export type OwnSettings = ReadonlyMap<string, string | null>

/** The names that `OwnSettings` may have. */
export const ownNames = [
  'core.hookspath',
  'core.usereplacerefs',
  'receive.autogc',
  'receive.denynonfastforwards',
  'receive.fsckobjects',
  'receive.maxinputsize',
  'transfer.fsckobjects',
] as const

/**
 * Defects that old versions of git, and other programs, have left in the histories of many projects, and that hurt nobody.
 * The list is Gitaly's (fsckConfiguration in internal/git/gitcmd/command_options.go).
 */
const tolerated = ['badTimezone', 'missingSpaceBeforeDate', 'zeroPaddedFilemode']

/** @returns what is for receive-pack's configuration file, and what must be on its command line */
export function pushConfig(
  { fsckObjects, packThreads }: PushDefaults,
  limits: PushLimits,
  own: OwnSettings,
): { file: ConfigSetting[]; overrides: ConfigSetting[] } {
  const file: ConfigSetting[] = [
    trustRoot,
    ['pack.threads', String(packThreads)],
    ...tolerated.map((defect): ConfigSetting => [`receive.fsck.${defect}`, 'ignore']),
  ]
  // receive.fsckObjects wins over a transfer.fsckObjects, and that one would change what hooks may fetch.
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
    // An automatic gc detaches into a session of its own and outlives its request.
    ['receive.autogc', 'false'],
  ]
  // Not `false` where nothing is denied: a repository may deny it for itself.
  // A pushed refs/replace/ must not be able to give a commit another history for that comparison.
  if (denyForce) settings.push(['receive.denyNonFastForwards', 'true'], ['core.useReplaceRefs', 'false'])
  if (maxInputBytes !== undefined) settings.push(['receive.maxInputSize', String(maxInputBytes)])
  if (hooksPath !== undefined) settings.push(['core.hooksPath', hooksPath])
  return settings
}

function isAsStrict([name, value]: ConfigSetting, said: string | null): boolean {
  if (name === 'core.hooksPath') return false
  if (name === 'receive.maxInputSize') {
    const size = said === null ? undefined : parseInteger(said)
    // 0 is no limit; a negative one lets nothing through.
    return size !== undefined && size !== 0 && size <= Number(value)
  }
  return value === 'true'
    ? said === null || /^(?:true|yes|on|1)$/i.test(said)
    : /^(?:false|no|off|0|)$/i.test(said ?? 'x')
}

/** As git reads it: git_parse_signed() in parse.c, which knows strtoimax's hexadecimal and octal numbers, too. */
function parseInteger(text: string): number | undefined {
  const [, sign, digits = '', unit = ''] = /^\s*([+-]?)(0x[\da-f]+|0[0-7]*|[1-9]\d*)([kmg]?)$/i.exec(text) ?? []
  if (digits === '') return undefined
  const radix = /^0x/i.test(digits) ? 16 : digits.startsWith('0') ? 8 : 10
  const factor = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }[unit.toLowerCase()] ?? 1
  return Number.parseInt(digits, radix) * factor * (sign === '-' ? -1 : 1)
}
