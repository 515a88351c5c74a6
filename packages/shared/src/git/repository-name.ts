import { Refusal } from '../refusal/refusal.ts'

const maxNameBytes = 4096
/** A file name has at most 255 bytes; what is made beside a repository while it is created needs some of them. */
const maxPartBytes = 240
/** Each folder on the way to a repository is looked at with each request. */
const maxParts = 64

/**
 * Checks the decoded name of a repository, such as `team/project.git`, before anything else is done with it.
 *
 * A part that ends in `.lock` is refused because git and Sluice use that ending for what is not finished yet; a leading
 * `-` because it would look like an option; `.git` inside a name because it would lead into another repository.
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
