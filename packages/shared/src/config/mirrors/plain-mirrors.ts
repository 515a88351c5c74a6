import { checkRepositoryName, plainName } from '../../git/repository-name.ts'
import { Refusal } from '../../refusal/refusal.ts'
import type { AsideReader } from '../aside/read-aside.ts'
import { readYamlForm } from '../form/yaml-form.ts'
import { mirrorsForm } from './mirror-form.ts'
import type { MirrorsForm } from './mirror-form.ts'
import type { Mirror } from './mirrors-file.ts'
import { originOf } from './upstream.ts'

/** A mirror without functions, so that it may come from another thread. */
export type PlainMirror = Omit<Mirror, 'refs'> & { readonly refs: readonly string[] }

const piece = 100

/** Reads a file of mirrors into pieces of some of them. */
export const reader: AsideReader<readonly PlainMirror[]> = {
  module: import.meta.url,
  *pieces(text, path) {
    const mirrors = plainMirrors(text, path)
    for (let from = 0; from < mirrors.length; from += piece) yield mirrors.slice(from, from + piece)
  },
}

function plainMirrors(text: string, path: string): PlainMirror[] {
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

function mirrorOf(entry: MirrorsForm['mirrors'][number], { defaults, credentials }: MirrorsForm): PlainMirror {
  const { repository, upstream } = entry
  const said = { ...defaults, ...withoutGaps(entry) }
  return {
    repository: plainName(repository),
    upstream,
    credentials: entry.credentials ?? credentials[originOf(upstream)],
    interval: said.interval ?? 10 * 60_000,
    refs: said.refs ?? ['heads', 'tags'],
    refresh: said.refresh ?? 'interval',
    maxAge: said.max_age ?? 10_000,
    wait: said.wait ?? 10_000,
    timeout: said.timeout ?? 3_600_000,
    stall: said.stall ?? 60_000,
    minRate: said.min_rate ?? 1,
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

function whyTwice({ repository }: PlainMirror, seen: ReadonlyMap<string, number>): string | undefined {
  const other = seen.get(repository)
  return other === undefined ? undefined : `mirrors.${other} has the name ${JSON.stringify(repository)} already`
}

function whyNoCredentials({ credentials, upstream }: PlainMirror): string | undefined {
  return credentials && upstream.scheme === 'file' ? 'a file:// upstream takes no credentials' : undefined
}
