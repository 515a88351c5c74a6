import { addAbortListener } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import type { Change, Watched } from '../../coordinator.ts'
import { Backoff } from '../members/backoff.ts'
import { asFailure } from '../members/member-failure.ts'
import type { Member, Members } from '../members/members.ts'
import { readKeys } from '../calls/read-keys.ts'
import { Gap, watchChanges } from './watch-stream.ts'

/** A member that is stopped, or cut off, does not end its watches. So it is asked something now and then. */
const probeEveryMs = 1000
const probeMs = 2000

/** Between two attempts while all members fail. */
const mostWaitMs = 2000

/**
 * Watches all keys below a prefix:
 *
 *   unread ──all keys, as of R──▶ known up to R ──a member tells changes──▶ known up to R + n
 *     ▲                                │ the member fails: another one, from R + 1
 *     └──── compacted, or gone back ───┘
 */
export async function* watchKeys(members: Members, prefix: string, signal: AbortSignal): AsyncGenerator<Watched, void> {
  const backoff = new Backoff(mostWaitMs)
  let revision: number | undefined
  while (!signal.aborted) {
    try {
      if (revision === undefined) {
        const all = await readKeys(members, prefix, signal)
        revision = all.revision
        yield { kind: 'all', ...all }
      }
      for await (const changes of watchMember(members, prefix, revision, signal)) {
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
  prefix: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<readonly Change[], void> {
  const member = members.inOrder[0]!
  try {
    const { revision } = await members.client.probe(member.endpoint, probeMs, signal)
    if (revision < after) throw new Gap(`etcd has gone back from ${after} to ${revision}: it was restored, it seems`)
    using watchdog = watchOver(members, member, signal)
    yield* watchChanges(members.client, member.endpoint, prefix, after, watchdog.signal)
  } catch (error) {
    if (!(error instanceof Gap) && !signal.aborted) members.fails(member, asFailure(error).message)
    throw error
  }
}

/** Asks the member until disposed of. The signal is aborted when it does not answer, or with the other one. */
function watchOver(
  members: Members,
  member: Member,
  outer: AbortSignal,
): Disposable & { readonly signal: AbortSignal } {
  const over = new AbortController()
  const { signal } = over
  const listener = addAbortListener(outer, () => over.abort(outer.reason))
  const watching = async () => {
    while (!signal.aborted) {
      await setTimeout(probeEveryMs, undefined, { signal })
      await members.client.probe(member.endpoint, probeMs, signal)
      members.works(member)
    }
  }
  watching().catch((error: unknown) => over.abort(error))
  return {
    signal,
    [Symbol.dispose]() {
      listener[Symbol.dispose]()
      over.abort()
    },
  }
}
