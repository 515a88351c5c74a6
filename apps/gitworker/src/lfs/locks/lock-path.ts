/** Percent-encoded, it still fits into the address of a search. */
const maxBytes = 1024

/**
 * Whether git could check out a file at this path, below the top of a work tree.
 *
 * Control characters are refused, although git allows them: a path is shown in the terminals of others.
 */
export function isLockPath(path: string): boolean {
  if (path === '' || Buffer.byteLength(path) > maxBytes || !path.isWellFormed() || /\p{Cc}/u.test(path)) return false
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && part.toLowerCase() !== '.git')
}
