import { connect } from 'node:net'
import type { Address } from '@sluice/shared/network/address'
import type { Readiness } from '@sluice/shared/operations/health'
import { bodyOf, localOf } from './body-of.ts'

const connectWithinMs = 3000
/** A gateway whose host is gone takes eight seconds to say so. */
const answerWithinMs = 10_000
const mostBytes = 64 * 1024

/** Who listens on an address: Sluice, as its readiness shows, another program, or nobody. */
export type Answer =
  | {
      readonly who: 'sluice'
      /** Why it is not ready. */
      readonly unready: string | undefined
    }
  | { readonly who: 'other' | 'nobody' }

export async function whoAnswers(address: Address, hasTls: boolean): Promise<Answer> {
  if (!(await isListening(localOf(address)))) return { who: 'nobody' }
  const asking = { path: '/readyz', hasTls, withinMs: answerWithinMs, mostBytes }
  const answer = await bodyOf(address, asking).catch(() => undefined)
  return readinessIn(answer?.body ?? '') ?? { who: 'other' }
}

export function isListening(address: Address): Promise<boolean> {
  if (address.kind === 'tcp' && address.port === 0) return Promise.resolve(false)
  return new Promise((resolve) => {
    const socket = connect(
      address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port },
    )
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(connectWithinMs, () => end(false))
    socket.on('connect', () => end(true))
    socket.on('error', () => end(false))
  })
}

/** As `/readyz` says it, on every address of ours. */
function readinessIn(body: string): Answer | undefined {
  try {
    const { status, reason, checks } = JSON.parse(body) as Partial<Readiness>
    if (typeof checks?.['accepting'] !== 'string') return undefined
    return { who: 'sluice', unready: status === 'ok' ? undefined : (reason ?? 'for an unknown reason') }
  } catch {
    return undefined
  }
}
