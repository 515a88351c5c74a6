import { ReloadedFile } from '@sluice/shared/config/reloaded-file'

const setting = 'SLUICE_LFS_S3_KEY_ID_FILE and SLUICE_LFS_S3_SECRET_FILE'

/** What requests to S3 are signed with. */
export type AccessKey = { readonly id: string; readonly secret: string }

type Log = { info(words: string): void; error(words: string): void }

/**
 * Reads the key, and reads it again when one of the files changes, so that keys can be changed without a restart.
 *
 * @throws {ConfigError} where a file is not right at the start
 */
export async function openAccessKey(idFile: string, secretFile: string, log: Log): Promise<ReloadedFile<AccessKey>> {
  return await ReloadedFile.open(setting, {
    paths: [idFile, secretFile],
    parse: ([id = '', secret = '']) => ({ id: oneWord(id, idFile), secret: oneWord(secret, secretFile) }),
    maxBytes: 4096,
    onChange: () => log.info(`${setting}: they were read anew`),
    onProblem: (problem) => log.error(`${setting}: ${problem}; the old key stays in use`),
  })
}

function oneWord(text: string, path: string): string {
  const word = text.trim()
  if (!/^[\x21-\x7e]+$/.test(word)) throw new Error(`${path} must have one line of ASCII without spaces`)
  return word
}
