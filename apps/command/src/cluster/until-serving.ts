import { setTimeout as pause } from 'node:timers/promises'
import { CommandError } from '../output/failure.ts'
import { logsIn } from './log-file.ts'

const servesWithinMs = 60_000
const lookEveryMs = 100

/**
 * Waits until a gateway says that all repositories can be served.
 *
 * @param operations where the gateway serves its operators: host:port
 * @param signal ends the wait
 * @throws {CommandError} where that takes too long
 */
export async function untilServing(operations: string, folder: string, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + servesWithinMs
  let problem: string | undefined = 'the gateway does not answer'
  while (!signal.aborted) {
    problem = await problemOf(operations, signal)
    if (problem === undefined) return
    if (performance.now() > deadline) {
      throw new CommandError(`The cluster does not come to serve: ${problem}. The logs are in ${logsIn(folder)}.`)
    }
    await pause(lookEveryMs, undefined, { signal }).catch(() => {})
  }
}

async function problemOf(operations: string, over: AbortSignal): Promise<string | undefined> {
  try {
    const signal = AbortSignal.any([over, AbortSignal.timeout(servesWithinMs)])
    const reply = await fetch(`http://${operations}/readyz`, { signal })
    const { checks } = (await reply.json()) as { checks: Readonly<Record<string, string>> }
    return Object.values(checks).find((result) => result !== 'ok')
  } catch {
    return 'the gateway does not answer'
  }
}
