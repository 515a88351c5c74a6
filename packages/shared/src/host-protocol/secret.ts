import { hash, timingSafeEqual } from 'node:crypto'
import { ReloadedFile } from '../config/reloaded-file.ts'

const setting = 'SLUICE_HOST_SECRET_FILE'

/*
 * A client that has a secret may speak for any user, so a secret must not be guessable. There may be two, so that
 * gateways and hosts can change to a new one at different times.
 */
const leastCharacters = 32
const mostCharacters = 512
const mostSecrets = 2

/** The secrets that gateways and hosts share. A gateway sends the first; a host takes any. */
export class HostSecrets {
  readonly first: string
  readonly #digests: readonly Buffer[]

  /**
   * @param text one secret per line
   * @param path where the text is from, for messages
   * @throws {Error} which says what is wrong without showing a secret
   */
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

  /** Takes the same time whatever is given: it compares digests, and always all of them. */
  has(given: string): boolean {
    const digest = digestOf(given)
    return this.#digests.map((known) => timingSafeEqual(known, digest)).includes(true)
  }
}

function digestOf(secret: string): Buffer {
  return hash('sha256', secret, 'buffer')
}

type Log = { info(words: string): void; error(words: string): void }

/**
 * Reads the secrets, and reads them again when the file changes. A file that breaks later leaves the old secrets valid.
 *
 * @throws {ConfigError} where the file is not right at the start
 */
export async function openHostSecrets(path: string, log: Log): Promise<ReloadedFile<HostSecrets>> {
  return await ReloadedFile.open(setting, {
    paths: [path],
    parse: ([text = '']) => new HostSecrets(text, path),
    onChange: () => log.info(`${setting}: the secrets of ${path} were read anew`),
    onProblem: (problem) => log.error(`${setting}: ${problem}; the old secrets stay valid`),
  })
}
