import type { Change, Watched } from '../../coordinator.ts'
import { Backoff } from '../members/backoff.ts'
import { asFailure } from '../members/member-failure.ts'
import type { Members } from '../members/members.ts'
import { readKeys } from '../calls/read-keys.ts'
import { Gap, watchChanges } from './watch-stream.ts'
import { probeMs } from './watchdogs.ts'
import type { Watchdogs } from './watchdogs.ts'

/** Between two attempts while all members fail. */
const mostWaitMs = 2000

/**
 * Watches all keys below a prefix:
 *
 *   unread ──all keys, as of R──▶ known up to R ──a member tells changes──▶ known up to R + n
 *     ▲                                │ the member fails: another one, from R + 1
 *     └──── compacted, or gone back ───┘
 */
export async function* watchKeys(
  members: Members,
  watchdogs: Watchdogs,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<Watched, void> {
  const backoff = new Backoff(mostWaitMs)
  let revision: number | undefined
  while (!signal.aborted) {
    try {
      if (revision === undefined) {
        const all = await readKeys(members, prefix, signal)
        revision = all.revision
        yield { kind: 'all', ...all }
      }
      for await (const changes of watchMember(members, watchdogs, prefix, revision, signal)) {
        revision = changes.at(-1)!.revision
        backoff.reset()
        yield { kind: 'changes', revision, changes }
      }
    } catch (error) {
      if (error instanceof Gap) {
        members.log.info({ prefix, revision, problem: error.message }, 'all keys of etcd are read anew')
        revision = undefined
      }
    }
    if (!signal.aborted) await backoff.wait(signal)
  }
}

/** @throws {Gap} where all keys have to be read @throws {Error} where the member has failed */
async function* watchMember(
  members: Members,
  watchdogs: Watchdogs,
  prefix: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<readonly Change[], void> {
  const member = members.inOrder[0]!
  try {
    const { revision } = await members.client.probe(member.endpoint, probeMs, signal)
    if (revision < after) throw new Gap(`etcd has gone back from ${after} to ${revision}: it was restored, it seems`)
    using watchdog = watchdogs.watchOver(member, signal)
    yield* watchChanges(members.client, member.endpoint, prefix, after, watchdog.signal)
  } catch (error) {
    if (!(error instanceof Gap) && !signal.aborted) members.fails(member, asFailure(error).message)
    throw error
  }
}
