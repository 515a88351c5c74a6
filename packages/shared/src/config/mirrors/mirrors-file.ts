import { readAside } from '../aside/read-aside.ts'
import type { CredentialsForm } from './mirror-form.ts'
import { reader } from './plain-mirrors.ts'
import type { PlainMirror } from './plain-mirrors.ts'
import { selectRefs } from './ref-selection.ts'
import type { RefSelection } from './ref-selection.ts'
import type { Upstream } from './upstream.ts'

/** The size limit of the file, in bytes: room for the most mirrors that it may have. */
export const maxMirrorsFileBytes = 8 * 2 ** 20

/** One mirror, as the file has it. Times are in milliseconds. */
export type Mirror = {
  /** Its plain name. */
  readonly repository: string
  readonly upstream: Upstream
  readonly credentials: CredentialsForm | undefined
  readonly interval: number
  readonly refs: RefSelection
  readonly refresh: 'interval' | 'on-fetch'
  readonly maxAge: number
  readonly wait: number
  readonly timeout: number
  readonly stall: number
  /** In bytes a second. */
  readonly minRate: number
  /** Undefined: as for pushes. */
  readonly checkObjects: boolean | undefined
  readonly caFile: string | undefined
  readonly proxy: string | undefined
}

/**
 * Reads a file of mirrors (YAML, or JSON) while requests are served.
 *
 * @param path for messages
 * @param signal ends the reading
 * @returns the mirrors in the order of the file
 * @throws {Error} in words, with the line
 */
export async function readMirrorsFile(text: string, path: string, signal?: AbortSignal): Promise<Mirror[]> {
  const mirrors: Mirror[] = []
  for await (const piece of readAside(reader, text, path, signal)) mirrors.push(...piece.map(mirrorOf))
  return mirrors
}

function mirrorOf(plain: PlainMirror): Mirror {
  return { ...plain, refs: selectRefs(plain.refs) }
}
