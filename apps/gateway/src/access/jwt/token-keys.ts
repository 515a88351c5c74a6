import { createRemoteJWKSet, customFetch } from 'jose'
import type { JWTVerifyGetKey } from 'jose'
import { checkKeySet, readKeyFile } from '@sluice/access/jwt/key-file'
import type { Logger } from '@sluice/shared/telemetry/log'
import { ReloadedFile } from '@sluice/shared/config/reloaded-file'

/** The public keys that tokens are checked with. */
export type TokenKeys = Disposable & {
  readonly find: JWTVerifyGetKey
  /** Why there are no keys yet, in words. Undefined where there are some. */
  readonly problem: string | undefined
}

/** The keys cannot be fetched, so nobody can tell whether a token is right. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable'
}

const refreshMs = 5 * 60_000
const timeoutMs = 5000
const maxBytes = 1024 * 1024
/** The pause after a failure, and between two fetches for a key that is not known. */
const pauseMs = 10_000

/** @param where the address of a key set (RFC 7517), or the path of one, or of a public key in PEM format */
export async function openTokenKeys(where: string, log: Logger): Promise<TokenKeys> {
  return /^https?:\/\//.test(where) ? await openRemoteKeys(new URL(where), log) : await openKeyFile(where, log)
}

/**
 * Fetches keys at the start, every five minutes, and when a token names one that is not known. Where that fails, the
 * known keys stay valid. Tokens of other keys then get `login_unavailable`.
 */
async function openRemoteKeys(url: URL, log: Logger): Promise<TokenKeys> {
  let failedAt = -Infinity
  const set = createRemoteJWKSet(url, {
    cacheMaxAge: Infinity,
    cooldownDuration: pauseMs,
    timeoutDuration: timeoutMs,
    async [customFetch](address, options) {
      if (performance.now() - failedAt < pauseMs) throw new KeysUnavailable(`${url.href} did not answer a moment ago`)
      try {
        return await fetchBounded(address, options)
      } catch (error) {
        failedAt = performance.now()
        const message = `no keys from ${url.href}: ${(error as Error).message}`
        log.error(`SLUICE_JWT_KEYS: ${message}; those that are known stay good`)
        throw new KeysUnavailable(message, { cause: error })
      }
    },
  })
  const refresh = async () => set.reload().catch(() => {})
  await refresh()
  const timer = setInterval(() => void refresh(), refreshMs).unref()
  return {
    find: set,
    get problem() {
      return set.jwks() === undefined ? 'there are no keys for tokens yet; the log says why' : undefined
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

async function fetchBounded(address: string, options: RequestInit): Promise<Response> {
  const response = await fetch(address, options)
  if (response.status !== 200) throw new Error(`status ${response.status}`)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > maxBytes) throw new Error(`more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString()
  checkKeySet(JSON.parse(text))
  return new Response(text, { status: 200 })
}

async function openKeyFile(path: string, log: Logger): Promise<TokenKeys> {
  const setting = 'SLUICE_JWT_KEYS'
  const files = await ReloadedFile.open(setting, {
    paths: [path],
    parse: ([text = '']) => readKeyFile(text, path),
    onChange: () => log.info(`${setting}: the keys of ${path} were read anew`),
    onProblem: (problem) => log.error(`${setting}: ${problem}; the old keys stay good`),
  })
  return {
    find: (header, token) => files.current(header, token),
    problem: undefined,
    [Symbol.dispose]: () => files[Symbol.dispose](),
  }
}
