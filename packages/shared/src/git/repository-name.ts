import { Refusal } from '../refusal/refusal.ts'

const maxNameBytes = 4096
/** A file name has at most 255 bytes. Some are left for temporary names beside a repository that is being created. */
const maxPartBytes = 240
/** Each request looks at each folder on the way to its repository. */
const maxParts = 64

/**
 * A repository's plain name: the same for `R`, `R.git` and `R/.git`, however it is addressed. It is the key for
 * everything that is decided by name: rights, rules, limits, fair shares, the choice of a host.
 *
 * Every `.git` at the end is removed, because `R.git` may lead to the folder `R.git.git`, and the same rules must apply
 * to a folder under each of its names.
 */
export function plainName(repository: string): string {
  return repository.replace(/(?:\/?\.git)+$/i, '')
}

/**
 * Checks the decoded name of a repository, such as `team/project.git`, before anything else is done with it.
 *
 * Three kinds of parts are refused: those that end in `.lock`, which git and Sluice use for what is not finished yet;
 * those with a leading `-`, which would look like an option; and `.git` inside a name, which would lead into another
 * repository.
 *
 * @throws {Refusal} `bad_address`, `bad_name` or `name_too_long`
 */
export function checkRepositoryName(name: string): void {
  if (Buffer.byteLength(name) > maxNameBytes) throw new Refusal('name_too_long')
  if (/\p{Cc}/u.test(name)) throw new Refusal('bad_address')
  const parts = name.split('/')
  if (parts.length > maxParts) throw new Refusal('name_too_long')
  for (const [index, part] of parts.entries()) {
    if (Buffer.byteLength(part) > maxPartBytes) throw new Refusal('name_too_long')
    const isLast = index === parts.length - 1
    if (!isValidPart(part) || (part.toLowerCase() === '.git' && !isLast)) throw new Refusal('bad_name')
  }
}

function isValidPart(part: string): boolean {
  return (
    part !== '' &&
    part !== '.' &&
    part !== '..' &&
    !part.startsWith('-') &&
    !part.toLowerCase().endsWith('.lock') &&
    !part.includes('\\')
  )
}
