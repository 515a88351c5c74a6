import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { within } from '@sluice/shared/machine/race'
import type { Address } from '@sluice/shared/network/address'
import type { RunningGit } from '../git-stream.ts'
import type { HostLinks } from '../link/host-links.ts'
import { objectsPath } from '../link/told.ts'
import { pathTo } from '../link/wanted-from.ts'
import { progressOf } from './progress-of.ts'
import type { WantedFrom } from '../link/wanted-from.ts'

/** The way to an upload-pack at the primary, for one fetch. Disposing of it ends that. */
export type Objects = Disposable & {
  /** Passes what git writes to the primary, and the other way around. @throws {Error} where the primary breaks off */
  relay(git: Pick<RunningGit, 'stdin' | 'stdout'>, onProgress: () => void): Promise<void>
  /** Why the primary does not serve it; undefined where it has. */
  failure(): Promise<Error | undefined>
}

export type OpenObjects = (from: WantedFrom, signal: AbortSignal) => Objects

const mostWords = 2000

/** git has failed: the primary says at once why it does not serve, or has served. Milliseconds. */
const lastWordsMs = 5000

/** @param addressOf finds the primary by its name, and never by what somebody has told */
export function objectsOfPrimary(
  links: HostLinks,
  self: string,
  addressOf: (host: string) => Address | undefined,
): OpenObjects {
  return (from, signal) => {
    const { primary } = from
    const address = addressOf(primary)
    if (!address) throw new Error(`${primary} does not live.`)
    const ending = new AbortController()
    const sent = links.post(address, pathTo(objectsPath, from, self), AbortSignal.any([signal, ending.signal]))
    sent.flushHeaders()
    sent.on('error', () => {})
    const reply = once(sent, 'response').then(([message]) => message as IncomingMessage)
    reply.catch(() => {})
    return {
      async relay({ stdin, stdout }, onProgress) {
        const output = pipeline(stdout, progressOf(onProgress), sent)
        output.catch(() => {})
        const message = await reply
        if (message.statusCode !== 200) {
          stdin.destroy()
          throw new Error(`${primary} has answered ${message.statusCode}.`)
        }
        await pipeline(message, progressOf(onProgress), stdin)
      },
      async failure() {
        try {
          const message = await within(lastWordsMs, reply, undefined)
          if (!message || message.statusCode === 200) return undefined
          const words = await within(lastWordsMs, beginningOf(message), 'and no word of why')
          return new Error(`${primary} has answered ${message.statusCode}: ${words}`)
        } catch (error) {
          return new Error(`${primary} does not answer.`, { cause: error })
        }
      },
      [Symbol.dispose]: () => ending.abort(),
    }
  }
}

async function beginningOf(message: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of message as AsyncIterable<Buffer>) if (text.length < mostWords) text += chunk.toString()
  return text.slice(0, mostWords).trim()
}
