import { ConfigError } from '../../../config/config-error.ts'
import type { Logger } from '../../../telemetry/log.ts'
import type { MemberClient } from './member-client.ts'
import { asFailure, words } from './member-failure.ts'

/** A start waits no longer for members that do not answer. */
const checkMs = 3000

/**
 * Asks every member at the start. Those that cannot be reached may come later.
 *
 * @throws {ConfigError} where etcd refuses the user, a member is of another cluster than the others, or no etcd
 */
export async function checkMembers(
  endpoints: readonly string[],
  client: MemberClient,
  log: Pick<Logger, 'info' | 'warn'>,
): Promise<void> {
  const never = new AbortController().signal
  const checks = endpoints.map(async (endpoint) => {
    const failure = await client.probe(endpoint, checkMs, never).then(() => undefined, asFailure)
    return { endpoint, failure }
  })
  const failed = (await Promise.all(checks)).filter(({ failure }) => failure !== undefined)
  const lasting = failed.filter(({ failure }) => failure!.kind !== 'away')
  const mayHeal = lasting.every(({ failure }) => failure!.kind === 'stranger')
  const problems = [...Map.groupBy(lasting, ({ failure }) => failure!.message)].map(
    ([message, members]) =>
      `SLUICE_ETCD: ${members.map(({ endpoint }) => endpoint).join(', ')}: ${message}${adviceFor(message)}.`,
  )
  if (problems.length > 0) throw new ConfigError(problems, { mayHeal })
  for (const { endpoint, failure } of failed) {
    log.warn({ endpoint, problem: failure!.message }, 'a member of etcd cannot be asked yet')
  }
  if (failed.length < endpoints.length) log.info({ members: endpoints.length - failed.length }, 'etcd answers')
}

function adviceFor(message: string): string {
  return message === words.permissionDenied ? ' (SLUICE_ETCD_USER needs rights below SLUICE_ETCD_PREFIX)' : ''
}
