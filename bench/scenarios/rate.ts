import { workFor } from '../load/at-once.ts'
import type { Client } from '../load/client.ts'
import type { Contestant } from '../peers/contestant.ts'
import type { Sample, Turn } from './scenario.ts'

/** How many tasks some clients do in each second. */
export async function rate(
  name: string,
  clients: number,
  requestsInEach: number,
  work: (client: Client) => Promise<void>,
  contestant: Contestant,
  { seconds: wanted }: Turn,
): Promise<Sample> {
  const { done, seconds, errors } = await workFor(wanted, clients, () => contestant.open(), work)
  return { values: { [name]: done / seconds }, requests: done * requestsInEach, errors }
}
