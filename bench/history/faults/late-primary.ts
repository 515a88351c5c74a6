import { setTimeout as pause } from 'node:timers/promises'
import { turnAll } from '@sluice/shared/testing/cluster'
import type { Member } from '@sluice/shared/testing/member'
import type { FaultParts } from './faults.ts'
import { oneOf } from '../random.ts'
import { holdAnswers, patientOf, slotsOf, untilReplaced } from './replaced.ts'
import type { Turn } from './turn.ts'

/*
 * What a primary may do when it is none any more, and does not know:
 *
 *   it is cut off from etcd, and pushes go on until its lease is over
 *   its copies take pushes, and their answers are held ── so some pushes have all that an acknowledgement takes, and more wait
 *   it is stopped, or goes on
 *   others take over its slots, and acknowledge pushes
 *   the answers come, and the pushes that wait go on
 *   it hears of etcd again
 *
 * Each step needs the one before, so nothing else goes wrong meanwhile.
 */

/** @returns false where no host is there that clients push to */
export async function latePrimary(parts: FaultParts, turn: Turn): Promise<void | false> {
  if (!(await turn.isAlone())) return false
  const { cluster, history, random, ttl } = parts
  await cluster.ready()
  const host = choose(parts)
  if (!host) return false
  const slots = slotsOf(history, host)
  using answers = holdAnswers(cluster, host)
  turnAll(host.toEtcd, 'cut')
  await pause(ttl * 0.6)
  answers.begin()
  const began = performance.now()
  await pause(ttl * 0.2)
  const isStopped = random() < 0.5
  if (isStopped) host.pause()
  await untilReplaced(parts, host, slots)
  history.paused({ host: host.name, began, ended: performance.now() })
  answers.end()
  if (isStopped) host.resume()
  await pause(ttl * (0.2 + random() * 0.3))
  turnAll(host.toEtcd, 'mend')
}

function choose({ cluster, primaries, random }: FaultParts): Member | undefined {
  const all = cluster.hosts.filter(({ name }) => primaries().includes(name))
  return all.length === 0 ? undefined : oneOf(random, patientOf(all))
}
