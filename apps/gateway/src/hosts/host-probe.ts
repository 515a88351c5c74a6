import { healthPath, trustedPath } from '@sluice/shared/host-protocol/paths'
import { secretHeaders } from '@sluice/shared/host-protocol/from-gateway'
import type { Host, HostLink } from './host.ts'

/** A host that has just started may be busy. One that takes longer than this to answer counts as not answering. */
const lookMs = 8000

/** A host that works answers its health check at once. One that takes this long does not work at all. */
const stuckMs = 30_000

/**
 * Looks whether a host answers and takes this process for one of its gateways.
 *
 * @returns in words, what is wrong
 */
export async function lookAtHost({ link, presence }: Host): Promise<string | undefined> {
  const status = await statusOf(link)
  if (!isServing(status)) presence.missed(new Error('The host did not answer a look.'))
  return wordsFor(status)
}

/** The same for a host that no requests are sent to. */
export async function lookAtLink(link: Link): Promise<string | undefined> {
  return wordsFor(await statusOf(link))
}

function wordsFor(status: number | undefined): string | undefined {
  if (status === 403) return 'the host does not take this for one of its gateways; its log says why'
  if (status === 503) return 'the host is stopping'
  return status === 200 ? undefined : 'no host answers'
}

type Link = Pick<HostLink, 'dispatcher' | 'secret'>

/** Whether a host takes requests now. Its reply to a request tells whether it serves that one. */
export async function takesRequests(link: Link): Promise<boolean> {
  return isServing(await statusOf(link))
}

function isServing(status: number | undefined): boolean {
  return status !== undefined && status !== 503
}

/** @returns undefined where there is no answer */
async function statusOf({ dispatcher, secret }: Link): Promise<number | undefined> {
  try {
    const { statusCode, body } = await dispatcher.request({
      origin: 'http://host',
      method: 'GET',
      path: trustedPath,
      headers: secretHeaders(secret),
      signal: AbortSignal.timeout(lookMs),
    })
    await body.dump().catch(() => {})
    return statusCode
  } catch {
    return undefined
  }
}

/** Whether a host accepts connections and answers nobody. One that refuses them may be stopping, and still be at work. */
export async function isStuck({ dispatcher }: Pick<HostLink, 'dispatcher'>): Promise<boolean> {
  const signal = AbortSignal.timeout(stuckMs)
  try {
    const { body } = await dispatcher.request({ origin: 'http://host', method: 'GET', path: healthPath, signal })
    await body.dump()
    return false
  } catch {
    return signal.aborted
  }
}
