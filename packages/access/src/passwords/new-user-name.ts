import { isUserName } from '@sluice/shared/host-protocol/user-name'
import { reservedNames } from '../rules/named.ts'
import { isTokenText } from '../tokens/token-text.ts'

/**
 * Why a new user cannot have this name, in words; undefined where one can. A name that only the password file or the
 * rules file could not hold is refused, too.
 */
export function problemOfNewName(name: string): string | undefined {
  if (!isUserName(name)) return 'A name has 1 to 256 characters, and no control characters.'
  if (reservedNames.includes(name)) return `"${name}" stands for many in rules, so no user can be called so.`
  if (name.includes(':')) return 'A name has no colon: in log-ins and in the password file, it ends the name.'
  if (name.startsWith('#')) return 'A name does not begin with "#": in the password file, that begins a comment.'
  if (name.startsWith('@')) return 'A name does not begin with "@": in rules, that begins the name of a group.'
  if (name.trim() !== name) return 'A name does not begin or end with a space.'
  return isTokenText(name) ? 'This is a token, not the name of a user.' : undefined
}
