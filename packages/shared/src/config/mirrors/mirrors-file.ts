import { isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml'
import type { Document } from 'yaml'
import { checkRepositoryName, plainName } from '../../git/repository-name.ts'
import { Refusal } from '../../refusal/refusal.ts'
import { mirrorsForm } from './mirror-form.ts'
import type { CredentialsForm, MirrorsForm } from './mirror-form.ts'
import { selectRefs } from './ref-selection.ts'
import type { RefSelection } from './ref-selection.ts'
import { originOf } from './upstream.ts'
import type { Upstream } from './upstream.ts'

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
  /** Undefined: as for pushes. */
  readonly checkObjects: boolean | undefined
  readonly caFile: string | undefined
  readonly proxy: string | undefined
}

/**
 * Reads a file of mirrors (YAML, or JSON).
 *
 * @param path for messages
 * @returns the mirrors in the order of the file
 * @throws {Error} in words, with the line
 */
export function readMirrorsFile(text: string, path: string): Mirror[] {
  const lines = new LineCounter()
  // Aliases could make a short file a huge one.
  // The library compares each key with all others of its map, which takes minutes where there are very many.
  const document = parseDocument(text, { strict: true, uniqueKeys: false, prettyErrors: false, lineCounter: lines })
  const at = (place: readonly PropertyKey[]) => `(line ${lines.linePos(offsetOf(document, place)).line})`
  const [problem] = document.errors
  if (problem)
    throw new Error(`${path} is not valid YAML: ${problem.message} (line ${lines.linePos(problem.pos[0]).line})`)
  const twice = keyThatIsThereTwice(document)
  if (twice)
    throw new Error(`${path}: ${JSON.stringify(twice.key)} is there twice (line ${lines.linePos(twice.offset).line})`)
  const parsed = mirrorsForm.safeParse(contentsOf(document, path) ?? {})
  if (!parsed.success) {
    const { path: place, message } = parsed.error.issues[0]!
    const where = place.length > 0 ? `${place.join('.')}: ` : ''
    throw new Error(`${path}: ${where}${inWords(message)} ${at(place)}`)
  }
  const seen = new Map<string, number>()
  return parsed.data.mirrors.map((one, index) => {
    const mirror = mirrorOf(one, parsed.data)
    const why = whyNoName(one.repository) ?? whyTwice(mirror, seen) ?? whyNoCredentials(mirror)
    if (why !== undefined) throw new Error(`${path}: mirrors.${index}: ${why} ${at(['mirrors', index])}`)
    seen.set(mirror.repository, index)
    return mirror
  })
}

function keyThatIsThereTwice(document: Document.Parsed): { readonly key: string; readonly offset: number } | undefined {
  let found: { key: string; offset: number } | undefined
  visit(document, {
    Map(_key, { items }) {
      const keys = new Set<string>()
      for (const { key } of items) {
        const name = isScalar(key) ? String(key.value) : ''
        if (!keys.has(name)) keys.add(name)
        else found ??= { key: name, offset: (isNode(key) && key.range?.[0]) || 0 }
      }
      return found ? visit.BREAK : undefined
    },
  })
  return found
}

/** Of all values, only times have no words of their own. */
function inWords(message: string): string {
  return /^invalid$|expected string/.test(message) ? 'here should be a time such as 30s, 10m or 2h' : message
}

/** @throws {Error} in words */
function contentsOf(document: Document.Parsed, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 })
  } catch {
    throw new Error(`${path}: aliases (*name) are not taken: put a value that begins with * in quotes`)
  }
}

function mirrorOf(entry: MirrorsForm['mirrors'][number], { defaults, credentials }: MirrorsForm): Mirror {
  const { repository, upstream } = entry
  const said = { ...defaults, ...withoutGaps(entry) }
  return {
    repository: plainName(repository),
    upstream,
    credentials: entry.credentials ?? credentials[originOf(upstream)],
    interval: said.interval ?? 10 * 60_000,
    refs: selectRefs(said.refs ?? ['heads', 'tags']),
    refresh: said.refresh ?? 'interval',
    maxAge: said.max_age ?? 10_000,
    wait: said.wait ?? 10_000,
    timeout: said.timeout ?? 3_600_000,
    stall: said.stall ?? 60_000,
    checkObjects: said.check_objects,
    caFile: said.ca_file,
    proxy: said.proxy,
  }
}

function withoutGaps<T extends object>(entry: T): T {
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined)) as T
}

function whyNoName(name: string): string | undefined {
  try {
    checkRepositoryName(name)
    return plainName(name) === '' ? 'a repository needs a name of its own' : undefined
  } catch (error) {
    return `${JSON.stringify(name.slice(0, 80))} cannot be the name of a repository: ${Refusal.from(error).sentence}`
  }
}

function whyTwice({ repository }: Mirror, seen: ReadonlyMap<string, number>): string | undefined {
  const other = seen.get(repository)
  return other === undefined ? undefined : `mirrors.${other} has the name ${JSON.stringify(repository)} already`
}

function whyNoCredentials({ credentials, upstream }: Mirror): string | undefined {
  return credentials && upstream.scheme === 'file' ? 'a file:// upstream takes no credentials' : undefined
}

/** Where the node at a place begins, or the one around it. */
function offsetOf(document: Document.Parsed, place: readonly PropertyKey[]): number {
  for (let length = place.length; length > 0; length--) {
    const node = document.getIn(place.slice(0, length), true)
    if (isNode(node) && node.range) return node.range[0]
  }
  return 0
}
