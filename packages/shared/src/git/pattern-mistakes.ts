/**
 * Why a pattern can never fit a repository, in words. Rules look for plain names (repository-name.ts), so a pattern with
 * `.git` at its end would silently be about nothing.
 *
 * @returns undefined where it may fit one
 */
export function whyNoRepositoryFits(pattern: string): string | undefined {
  const slash = whyNoNameFits(pattern)
  if (slash !== undefined) return slash
  const unescaped = pattern.replaceAll('\\', '')
  if (!/\.git$/i.test(unescaped)) return undefined
  const meant = pattern.replace(/(?:\/?\\?\.\\?g\\?i\\?t)+$/i, '')
  const instead = meant === '' ? '' : `: write ${meant}`
  return `the names that patterns are about have no .git at their end, so this fits nothing${instead}`
}

/** The same for a pattern of any names, such as references. */
export function whyNoNameFits(pattern: string): string | undefined {
  const parts = pattern.replace(/^(?:\.\/)+/, '').split('/')
  if (!parts.includes('')) return undefined
  const meant = parts.filter((part) => part !== '').join('/')
  const instead = meant === '' ? '' : `: write ${meant}`
  return `no name has a slash at its beginning or end, or two in a row, so this fits nothing${instead}`
}
