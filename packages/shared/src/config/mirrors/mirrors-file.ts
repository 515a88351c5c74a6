import { checkRepositoryName, plainName } from '../../git/repository-name.ts'
import { Refusal } from '../../refusal/refusal.ts'
import { readYamlForm } from '../form/yaml-form.ts'
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
  const { data, at } = readYamlForm(text, path, mirrorsForm)
  const seen = new Map<string, number>()
  return data.mirrors.map((one, index) => {
    const mirror = mirrorOf(one, data)
    const why = whyNoName(one.repository) ?? whyTwice(mirror, seen) ?? whyNoCredentials(mirror)
    if (why !== undefined) throw new Error(`${path}: mirrors.${index}: ${why} ${at(['mirrors', index])}`)
    seen.set(mirror.repository, index)
    return mirror
  })
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
