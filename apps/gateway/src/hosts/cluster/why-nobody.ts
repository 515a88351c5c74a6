import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Wanted } from '../placement.ts'
import type { RouteParts } from './cluster-route.ts'

/**
 * The refusal of a request that no host can be sent: it names what is down.
 *
 * @param isStale whether hosts have said that others keep the slot
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
  const record = table.at(slot)
  const names = (purpose === 'write' ? record?.primary && [record.primary] : record?.inSync) || []
  const down = (sentence: string) => new Refusal('slot_down', { sentence: `${sentence} ${again}`, cause })
  if (isStale) return down('This repository is moving to another host, or its host has lost touch with the cluster.')
  const missing = names.filter((name) => !hosts.get(name))
  if (names.length === 0) {
    return down(purpose === 'write' ? 'No host takes pushes to this repository now.' : 'No host keeps this repository.')
  }
  if (missing.length === names.length) return down(`${hostsThatKeep(names)} down.`)
  const away = names.filter((name) => hosts.get(name))
  const sentence = `${hostsThatKeep(away)} not answering. ${again}`
  return new Refusal('host_unreachable', { sentence, cause })
}

const again = 'Please try again in a moment.'

function hostsThatKeep(names: readonly string[]): string {
  if (names.length === 1) return `The host that keeps this repository, ${names[0]}, is`
  return `The hosts that keep this repository, ${names.join(', ')}, are`
}
