import { constants } from 'node:os'
import type { Reason } from '@sluice/shared/refusal/reasons'
import { isShortage } from './shortage.ts'

/*
 * Whose fault it is when git fails: one table, from the die() and error() calls of upload-pack.c, serve.c, pkt-line.c,
 * list-objects-filter-options.c, receive-pack.c, index-pack.c and unpack-objects.c (git 2.39 to 2.55), without
 * translations. Whatever is in none of these lists is the host's fault.
 */

/** The request is wrong, whatever the repository is like. */
const badRequests = [
  /^(?:git )?upload-pack: (?:not our ref|protocol error, |expected SHA1 |deepen and deepen-since|ambiguous deepen-not|deepen-not is not a ref|filtering capability not negotiated)/,
  /^(?:invalid shallow (?:line|object)|Invalid deepen(?:-since)?:)/,
  /^(?:filter '.*' not supported|tree filter allows max depth|invalid filter-spec|multiple filter-specs cannot be combined|must escape char in sub-filter-spec|expected something after combine:|expected 'tree:<depth>'|sparse:path filters support|unable to access sparse blob|'.*' for 'object:type=|(?:an )?'auto' filter)/,
  /^(?:unknown ref|duplicate want-ref|unexpected line:|expected flush after)/,
  /^(?:unknown capability|invalid command|no command requested|command '.*' requested after|mismatched object format|object-format capability requires|unknown object format|object-info: )/,
  /^(?:the remote end hung up unexpectedly|protocol error: |remote error: )/,
  /^(?:malformed push certificate|error: unsupported object format)/,
]

/** The pushed pack is damaged, or not allowed (`transfer.fsckObjects`). */
const badPacks = [
  /^(?:object [0-9a-f]{40,64}: |fsck error in packed object|Error in object|Error on reachable|unknown object type|bad object type|object of unexpected type)/,
  /^(?:early EOF|inflate returned|serious inflate inconsistency|failed to apply delta|did not receive expected object|delta base offset|offset value overflow|not all child objects)/,
  /^(?:pack (?:has|is corrupted|signature mismatch|version|too large)|bad pack file|unresolved deltas|cannot unpack|final sha1 did not match|garbage at end)/i,
]

/** Lines that tell the consequence of a failure, and not its reason. */
const consequences = /^(?:git upload-pack: (?:git-pack-objects died with error|aborting)|unpack failed|remote unpack)/

/** strerror(3) at the end of a line, after a colon. No name that a client gives can end a line like that. */
const errno =
  /: (?:Input\/output error|Read-only file system|Permission denied|Stale file handle|Too many open files(?: in system)?|File exists\.?|Structure needs cleaning|Not a directory|Operation not permitted)$/
const full = /: (?:No space left on device|Disk quota exceeded|File too large)$/

/** The repository is damaged. */
const damage =
  /^(?:file .* is far too short|packfile |index file |non-monotonic index|wrong index|(?:loose|packed) object .* is corrupt|(?:loose )?object file .* is empty|inflate: |.* does not point to a valid object|bad config )/

/** @returns the reason that git's messages give: that of the first one that is known; undefined if none is */
export function reasonInWords(words: string): Reason | undefined {
  for (const line of words.split('\n')) {
    const [, text] = /(?:^|\r)(?:fatal|error): (.*)$/.exec(line) ?? []
    if (text === undefined || consequences.test(text)) continue
    const reason = reasonInLine(text.trimEnd())
    if (reason !== undefined) return reason
  }
  return undefined
}

/** Why a process of git's ended by this signal: its name, or its number. */
export function reasonOfSignal(signal: string | number): Reason {
  const { SIGXCPU, SIGXFSZ } = constants.signals
  const number = typeof signal === 'number' ? signal : constants.signals[signal as NodeJS.Signals]
  return number === SIGXCPU ? 'git_cpu_time' : number === SIGXFSZ ? 'git_file_size' : 'git_killed'
}

/** The first message about the client's own request. The client may see it: it tells nothing about the server's files. */
export function mistakesIn(words: string): string {
  const lines = words.split('\n').map((line) => /^(?:fatal|error): (.*)$/.exec(line)?.[1] ?? '')
  return lines.find((text) => badRequests.some((pattern) => pattern.test(text))) ?? ''
}

function reasonInLine(text: string): Reason | undefined {
  if (badRequests.some((pattern) => pattern.test(text))) return 'git_refused'
  if (text.startsWith('pack exceeds maximum allowed size')) return 'push_too_large'
  if (badPacks.some((pattern) => pattern.test(text))) return 'push_rejected'
  if (/^refusing to (?:update|delete)|^denying /.test(text)) return 'push_rejected'
  if (full.test(text)) return 'disk_full'
  if (isShortage(text)) return 'no_resources'
  const [, signal] = /^[\w./-]+ died of signal (\d+)$/.exec(text) ?? []
  if (signal !== undefined) return reasonOfSignal(Number(signal))
  // It is the operator's fault if a hook is not executable, or its interpreter is missing.
  if (damage.test(text) || errno.test(text) || /^cannot (?:run|exec) /.test(text)) return 'git_failed'
  return undefined
}

/** receive-pack's reasons for rejecting a reference, or a pack, that are the host's fault. */
const hostsOwn = [
  /^unable to (?:migrate objects|start object transaction|create temporary object directory)/,
  /^(?:index-pack fork failed|transaction failed to start|atomic transaction failed|shallow error|bad pack|broken symref|unknown failure)$/,
  /^(?:failed to delete|failed to update refs|Invalid denyDeleteCurrent setting|Could not update working tree)/,
  /^(?:proc-receive failed to report status|fail to run proc-receive hook)$/,
]

/** The message of git, of hook.sh, and of a bash in place of sh where hook.sh cannot say it any more. */
const cannotRun = /^(?:(?:error|fatal): cannot (?:run|exec) |\S*\/hooks\/[a-z-]+: line \d+: .*: cannot execute)/m

/** Reasons that refer to a failure elsewhere. */
const dependent = /^(?:unpacker error|atomic push failure)$/

/**
 * @param unpack what became of the pack: `ok`, or why not
 * @param rejected the reasons why references were rejected
 * @param words git's messages, from side-band 2 and standard error
 * @returns why the push failed, wholly or in part
 */
export function reasonOfReport(unpack: string, rejected: readonly string[], words: string): Reason {
  const inWords = reasonInWords(words)
  if (unpack !== 'ok') {
    if (/^(?:eof before pack header|protocol error)/.test(unpack)) return 'push_rejected'
    return inWords ?? 'git_failed'
  }
  const reasons = rejected.filter((why) => !dependent.test(why))
  // A hook's own output is no message of git's, but git tells if it could not be run.
  const isHooks = reasons.length > 0 && reasons.every((why) => why.endsWith('hook declined'))
  if (isHooks) return cannotRun.test(words) ? 'git_failed' : 'push_rejected'
  // Newer versions of git give the reason here. Older ones give it in a message only, as all do where the disk is damaged.
  const isOurs = reasons.some((why) => hostsOwn.some((pattern) => pattern.test(why)))
  if (isOurs) return inWords === undefined || inWords === 'push_rejected' ? 'git_failed' : inWords
  const isVague = reasons.some((why) => /^(?:failed to update ref|missing necessary objects)$/.test(why))
  return (isVague ? inWords : undefined) ?? 'push_rejected'
}
