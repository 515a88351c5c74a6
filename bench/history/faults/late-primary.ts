import { setTimeout as pause } from 'node:timers/promises'
import { turnAll } from '@sluice/shared/testing/cluster'
import type { Member } from '@sluice/shared/testing/member'
import type { FaultParts } from './faults.ts'
import { oneOf } from '../random.ts'
import { holdAnswers, patientOf, slotsOf, untilPushedTo, untilReplaced } from './replaced.ts'
import type { Turn } from './turn.ts'

/*
 * What a primary may do when it is none any more, and does not know. One of:
 *
 *   it is cut off from etcd, and pushes go on until its lease is nearly over
 *   its copies take pushes, and their answers are held ── so some pushes lack nothing but these
 *   others take over its slots
 *   the answers come, and later it hears of etcd again
 *
 *   it is cut off from etcd, and stopped with pushes under way
 *   others take over its slots, and acknowledge pushes
 *   it goes on ── so it tells copies what it has, and later it hears of etcd again
 *
 * Each step needs the one before, so nothing else goes wrong meanwhile.
 */

/** @returns false where no host is there that clients push to */
export async function latePrimary(parts: FaultParts, turn: Turn): Promise<void | false> {
  if (!(await turn.isAlone())) return false
  await parts.cluster.ready()
  const host = choose(parts)
  if (!host) return false
  turnAll(host.toEtcd, 'cut')
  const act = parts.random() < 0.5 ? answeredLate : stoppedAmidPushes
  const span = await act(parts, host)
  parts.history.paused({ host: host.name, ...span })
  await pause(parts.ttl * (0.2 + parts.random() * 0.3))
  turnAll(host.toEtcd, 'mend')
}

type Span = { readonly began: number; readonly ended: number }

async function answeredLate(parts: FaultParts, host: Member): Promise<Span> {
  await pause(parts.ttl * 0.6)
  using answers = holdAnswers(parts.cluster, host)
  answers.begin()
  const began = performance.now()
  await untilReplaced(parts, host)
  const ended = performance.now()
  answers.end()
  return { began, ended }
}

async function stoppedAmidPushes(parts: FaultParts, host: Member): Promise<Span> {
  const slots = slotsOf(parts.history, host)
  const began = performance.now()
  host.pause()
  await untilReplaced(parts, host)
  await untilPushedTo(parts, slots)
  const ended = performance.now()
  host.resume()
  return { began, ended }
}

function choose({ cluster, primaries, random }: FaultParts): Member | undefined {
  const all = cluster.hosts.filter(({ name }) => primaries().includes(name))
  return all.length === 0 ? undefined : oneOf(random, patientOf(all))
}
