/** @param version the first line of `git version` */
export function isGitAtLeast(version: string, major: number, minor: number): boolean {
  const [, itsMajor, itsMinor] = /^git version (\d+)\.(\d+)/.exec(version) ?? []
  return Number(itsMajor) > major || (Number(itsMajor) === major && Number(itsMinor) >= minor)
}
