import { hash, timingSafeEqual } from 'node:crypto'
import type { Logger } from '../telemetry/log.ts'
import { ReloadedFile } from '../config/reloaded-file.ts'

/** The request header in which a gateway shows that it is one. */
export const secretHeader = 'sluice-secret'

/** Where a host says 200 to its gateways, and to nobody else. No repository can have this name. */
export const trustedPath = '/-/trusted'

const setting = 'SLUICE_HOST_SECRET_FILE'

/** Whoever has one of these may speak for any user: it must not be guessable. Two, so that they can be changed one by one. */
const leastCharacters = 32
const mostCharacters = 512
const mostSecrets = 2

/** What gateways and hosts know of each other, and nobody else does. */
export class HostSecrets {
  /** What a gateway sends: the first. */
  readonly first: string
  readonly #digests: readonly Buffer[]

  /** @param text a secret a line; @throws {Error} in words that do not show them */
  constructor(text: string, path: string) {
    const secrets = text.split('\n').map((line) => line.trim())
    const filled = secrets.filter((secret) => secret !== '')
    if (filled.length === 0 || filled.length > mostSecrets) {
      throw new Error(`there must be one or two secrets in ${path}, a line each, not ${filled.length}`)
    }
    for (const secret of filled) {
      const length = secret.length
      if (length < leastCharacters || length > mostCharacters || !/^[\x21-\x7e]+$/.test(secret)) {
        const rule = `${leastCharacters} to ${mostCharacters} characters of ASCII without spaces`
        throw new Error(`the secret in line ${secrets.indexOf(secret) + 1} of ${path} must have ${rule}`)
      }
    }
    this.first = filled[0]!
    this.#digests = filled.map(digestOf)
  }

  /** Whether this is one of them. How long it takes tells nothing: digests are compared, and always all. */
  has(given: string): boolean {
    const digest = digestOf(given)
    return this.#digests.map((known) => timingSafeEqual(known, digest)).includes(true)
  }
}

function digestOf(secret: string): Buffer {
  return hash('sha256', secret, 'buffer')
}

/** @throws {ConfigError} where the file is not right at the start; later, the old secrets stay valid */
export async function openHostSecrets(path: string, log: Logger): Promise<ReloadedFile<HostSecrets>> {
  return await ReloadedFile.open(setting, {
    paths: [path],
    parse: ([text = '']) => new HostSecrets(text, path),
    onChange: () => log.info(`${setting}: the secrets of ${path} were read anew`),
    onProblem: (problem) => log.error(`${setting}: ${problem}; the old secrets stay valid`),
  })
}
