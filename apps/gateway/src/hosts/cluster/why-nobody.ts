import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Wanted } from '../placement.ts'
import type { RouteParts } from './cluster-route.ts'

/**
 * The refusal of a request that no host can be sent: it names what is down.
 *
 * @param isStale whether hosts have said that others keep the slot
 * @param cause of the request's own last attempt; undefined where it has made none
 */
export function whyNobody(
  purpose: Wanted['purpose'],
  slot: number,
  { table, hosts, isKnown, problem }: Pick<RouteParts, 'table' | 'hosts' | 'isKnown' | 'problem'>,
  isStale: boolean,
  cause: unknown,
): Refusal {
  const unknown = isKnown() && hosts.size > 0 ? undefined : problem()
  if (unknown !== undefined) return new Refusal('placement_unknown', { cause: new Error(unknown) })
  const down = (sentence: string) => new Refusal('slot_down', { sentence: `${sentence} ${again}`, cause })
  if (isStale) return down('This repository is moving to another host, or its host has lost touch with the cluster.')
  const names = namesOf(purpose, table.at(slot), hosts)
  if (names.length === 0) {
    return down(purpose === 'write' ? 'No host takes pushes to this repository now.' : 'No host keeps this repository.')
  }
  const [away, missing] = [names.filter((name) => hosts.get(name)), names.filter((name) => !hosts.get(name))]
  if (away.length === 0) return down(`${hostsThatKeep(missing)} down.`)
  const others =
    missing.length === 0 ? '' : `, and ${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} down`
  const sentence = `${hostsThatKeep(away)} not answering${others}. ${again}`
  const missedFor = away.map((name) => hosts.get(name)?.presence.cause).find((one) => one !== undefined)
  return new Refusal('host_unreachable', { sentence, cause: cause ?? missedFor })
}

/**
 * Whose absence it is. The primary's, for a push, while another host is up that takes its place. Else that of all hosts that
 * have every push: any one of them would do.
 */
function namesOf(
  purpose: Wanted['purpose'],
  record: SlotRecord | undefined,
  hosts: RouteParts['hosts'],
): readonly string[] {
  const { primary, inSync = [] } = record ?? {}
  if (purpose === 'read' || !inSync.some((name) => hosts.get(name))) return inSync
  return primary === undefined ? [] : [primary]
}

const again = 'Please try again in a moment.'

function hostsThatKeep(names: readonly string[]): string {
  if (names.length === 1) return `The host that keeps this repository, ${names[0]}, is`
  return `The hosts that keep this repository, ${names.join(' and ')}, are`
}
