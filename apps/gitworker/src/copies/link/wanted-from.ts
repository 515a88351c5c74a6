/** The repository of a primary, in its term. What a host asks another one for. */
export type WantedFrom = {
  /** Its plain name. */
  readonly repository: string
  readonly term: number
  /** The host that has it. */
  readonly primary: string
  /** Where it is given to this host, which is no copy of it: the gift's id. */
  readonly gift?: string | undefined
}

/** @param self the name of the host that asks */
export function pathTo(
  path: string,
  { repository, term, gift }: WantedFrom,
  self: string,
  more: Readonly<Record<string, string>> = {},
): string {
  const by: Record<string, string> = gift === undefined ? { copy: self } : { gift }
  return `${path}?${new URLSearchParams({ repository, term: String(term), ...by, ...more }).toString()}`
}
