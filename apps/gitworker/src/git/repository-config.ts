import { readFileSync } from 'node:fs'
import type { StatInfo } from '../cache/fingerprint/stat-info.ts'

/**
 * Something in a repository that makes one kind of answer differ while nothing that is looked at does: `session-id` is
 * random, a `push-certificate`'s nonce tells the time, the refs of `alternates` are other repositories', and a `promisor`
 * may be asked for objects that are not there.
 */
export type Trait = 'session-id' | 'push-certificate' | 'alternates' | 'promisor'

export type RepositoryConfig = { readonly refStorage: 'files' | 'reftable'; readonly traits: readonly Trait[] }

/** Takes in a repository's own configuration. @returns undefined if what is read here is not all, or not understood */
export function lookAtConfig(gitDir: string, files: StatInfo): RepositoryConfig | undefined {
  let text = ''
  // The second is read where `extensions.worktreeConfig` is set; it must not surprise where that is not seen.
  for (const path of [`${gitDir}/config`, `${gitDir}/config.worktree`]) {
    const kind = files.look(path)
    if (kind === 'absent') continue
    const more = kind === 'file' ? textOf(path) : undefined
    if (more === undefined) return undefined
    text += more.endsWith('\n') ? more : `${more}\n`
  }
  return judge(text)
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}

/** Only git can read its configuration rightly, but a text without certain words cannot say certain things. */
function judge(text: string): RepositoryConfig | undefined {
  if (uncertain.test(text)) return undefined
  const refStorage = refStorageIn(text)
  if (!refStorage) return undefined
  return { refStorage, traits: words.filter(([word]) => word.test(text)).map(([, trait]) => trait) }
}

/**
 * What is included changes by itself; a line that goes on in the next one is not to be mistaken for a section; an unknown
 * format may keep its refs anywhere.
 */
const uncertain = /\[\s*include|\\\r?\n|repositoryformatversion(?! = [01]\n)/i

const words: readonly (readonly [RegExp, Trait])[] = [
  [/advertisesid/i, 'session-id'],
  [/certnonceseed/i, 'push-certificate'],
  [/promisor|partialclone/i, 'promisor'],
]

/** gitrepository-layout(5) and git-config(1) on `extensions.*`: one that is not known here could mean anything. */
function refStorageIn(text: string): RepositoryConfig['refStorage'] | undefined {
  const seen = new Set<string>()
  const rest = text.replace(extensionsSection, (_, settings: string) => {
    for (const line of settings.split('\n').slice(0, -1)) seen.add(line.trim().toLowerCase())
    return ''
  })
  if (/\[\s*extensions/i.test(rest)) return undefined
  if (seen.size === 0) return 'files'
  const storages = [...seen].filter((setting) => setting.startsWith('refstorage'))
  if ([...seen].some((setting) => !harmless.test(setting) && !storages.includes(setting))) return undefined
  if (storages.length === 0) return 'files'
  const [, storage] = /^refstorage = (files|reftable)$/.exec(storages.join()) ?? []
  return storage === 'files' || storage === 'reftable' ? storage : undefined
}

/** Written as git writes it, up to the next section; any other form is not understood. */
const extensionsSection = /^\[extensions\]\n((?:[ \t]*[a-z]+ = [\w./:-]+\n)+)(?![^[])/gim

const harmless = /^(?:objectformat|compatobjectformat|worktreeconfig|partialclone|preciousobjects|noop) = /
