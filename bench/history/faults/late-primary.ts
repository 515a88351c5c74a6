import { setTimeout as pause } from 'node:timers/promises'
import { slotOf } from '@sluice/shared/placement/slot'
import { turnAll } from '@sluice/shared/testing/cluster'
import type { Member } from '@sluice/shared/testing/member'
import type { FaultParts } from './faults.ts'
import { oneOf } from '../random.ts'
import { holdAnswers, repositoryOfOne, slotsOf, untilPushedTo, untilReplaced } from './replaced.ts'
import type { Turn } from './turn.ts'

/*
 * What a primary may do when it is none any more, and does not know:
 *
 *   it is cut off from etcd, and pushes go on until its lease is nearly over
 *   its copies take pushes, and their answers are held ── so some pushes lack nothing but these, and others wait for the next round
 *   it is stopped, or goes on
 *   others take over its slots, and acknowledge pushes
 *   the answers come, and the pushes that wait go on
 *   it hears of etcd again
 *
 * Each step needs the one before, so nothing else goes wrong meanwhile. A host that waits for its copies for less than all of
 * that (`--copy-timeout`) acknowledges nothing then, whatever it knows.
 */

/** @returns false where no host is there that clients push to */
export async function latePrimary(parts: FaultParts, turn: Turn): Promise<void | false> {
  if (!(await turn.isAlone())) return false
  const { cluster, history, random, ttl } = parts
  await cluster.ready()
  const host = choose(parts)
  if (!host || !turn.takes(host)) return false
  const slots = slotsOf(history, host)
  using answers = holdAnswers(cluster, host)
  turnAll(host.toEtcd, 'cut')
  await pause(ttl * 0.6)
  answers.begin()
  const began = performance.now()
  await pause(ttl * 0.2)
  const isStopped = random() < 0.5
  if (isStopped) host.pause()
  await untilReplaced(parts, host)
  // What it acknowledged before has come to its clients by then.
  await untilPushedTo(parts, slots)
  history.paused({ host: host.name, began, ended: performance.now() })
  answers.end()
  if (isStopped) host.resume()
  await pause(ttl * (0.2 + random() * 0.3))
  turnAll(host.toEtcd, 'mend')
}

/** Often the one whose pushes share no round. */
function choose({ cluster, history, primaries, random }: FaultParts): Member | undefined {
  const keeper = cluster.hosts.find((host) => slotsOf(history, host).has(slotOf(repositoryOfOne)))
  if (keeper && random() < 0.5) return keeper
  const name = oneOf(random, primaries())
  return cluster.hosts.find((host) => host.name === name)
}
