import type { Client } from './client.ts'

export type Load = { readonly done: number; readonly seconds: number; readonly errors: readonly string[] }

/** After so many errors, a contestant gets no more requests: it is broken, not slow. */
const mostErrors = 20

/**
 * `count` clients work for some seconds, each on one task after the other. A task that has begun is finished and
 * counted.
 */
export async function workFor(
  seconds: number,
  count: number,
  open: () => Promise<Client>,
  work: (client: Client) => Promise<void>,
): Promise<Load> {
  const begin = performance.now()
  const deadline = begin + seconds * 1000
  return await run(begin, count, open, work, () => performance.now() < deadline)
}

/** `count` clients start at once, and each does one task. */
export async function allAtOnce(
  count: number,
  open: () => Promise<Client>,
  work: (client: Client) => Promise<void>,
): Promise<Load> {
  let begun = 0
  return await run(performance.now(), count, open, work, () => begun++ < count)
}

/** `count` clients share some tasks, by number: each takes the next that nobody has begun. */
export async function workOff(
  tasks: number,
  count: number,
  open: () => Promise<Client>,
  work: (client: Client, task: number) => Promise<void>,
): Promise<Load> {
  let offered = 0
  let next = 0
  return await run(
    performance.now(),
    count,
    open,
    (client) => work(client, next++),
    () => offered++ < tasks,
  )
}

async function run(
  begin: number,
  count: number,
  open: () => Promise<Client>,
  work: (client: Client) => Promise<void>,
  more: () => boolean,
): Promise<Load> {
  let done = 0
  const errors: string[] = []
  const lanes = Array.from({ length: count }, async () => {
    using client = await open()
    while (more() && errors.length < mostErrors) {
      try {
        await work(client)
        done++
      } catch (error) {
        errors.push((error as Error).message)
      }
    }
  })
  await Promise.all(lanes)
  return { done, seconds: (performance.now() - begin) / 1000, errors }
}
