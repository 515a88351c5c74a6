import { createHash } from 'node:crypto'
import { closeSync, constants, openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/*
 * Only git can parse a repository's own configuration correctly. Without git, two things are certain about its text:
 *
 *   - A text that lacks a word sets nothing with that word in its name: names are neither split nor escaped.
 *   - The same text always says the same.
 *
 * Both hold only for all of the text that git reads. So a configuration is read here only if it is the repository's own
 * (a linked work tree uses that of its repository), includes no other files, and is small.
 */

const maxBytes = 1024 * 1024

/** The second one is read by git where `extensions.worktreeConfig` is set. It counts here wherever it exists. */
export const configFileNames = ['config', 'config.worktree'] as const

/** The whole text of a repository's own configuration. */
export class RepositoryConfig {
  readonly #texts: readonly string[]

  /**
   * Reads the configuration. Synchronous: it is short and as a rule in the kernel's memory, where this takes microseconds.
   *
   * @param gitDir the real path of a git directory
   * @returns undefined if this is not all that git reads, or cannot be read: then only git can tell
   */
  static read(gitDir: string): RepositoryConfig | undefined {
    try {
      if (statSync(join(gitDir, 'commondir'), quietly) !== undefined) return undefined
      const texts = configFileNames.map((name) => textOf(join(gitDir, name)))
      return texts.some((text) => includes.test(text)) ? undefined : new RepositoryConfig(texts)
    } catch {
      return undefined
    }
  }

  private constructor(texts: readonly string[]) {
    this.#texts = texts
  }

  /** Whether the text says anything that matches. Without a match, no setting of that name is set. */
  mentions(words: RegExp): boolean {
    return this.#texts.some((text) => words.test(text))
  }

  /** The same for the same text, and for no other. */
  get hash(): string {
    return createHash('sha256').update(JSON.stringify(this.#texts)).digest('base64')
  }

  /** Where references are kept; undefined if the configuration is not in the form that git itself writes. */
  get refStorage(): RefStorage | undefined {
    const text = this.#texts.map((part) => (part === '' || part.endsWith('\n') ? part : `${part}\n`)).join('')
    return unclear.test(text) ? undefined : refStorageIn(text)
  }
}

export type RefStorage = 'files' | 'reftable'

/** An exception costs far more than an undefined. */
const quietly = { throwIfNoEntry: false } as const

/** Each byte is a character. @returns an empty text for a file that does not exist */
function textOf(path: string): string {
  const found = statSync(path, quietly)
  if (found === undefined) return ''
  if (!found.isFile() || found.size > maxBytes) throw new Error(`${path} is no small file.`)
  // If a pipe takes its place just now, it must not block the whole host.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    return readFileSync(file, 'latin1')
  } finally {
    closeSync(file)
  }
}

/** `[include]` and `[includeIf …]`: the included file changes by itself. */
const includes = /\[\s*include/i

/** A line that is continued in the next one, which may look like a section; and unknown formats of a repository. */
const unclear = /\\\r?\n|repositoryformatversion(?! = [01]\n)/i

/** gitrepository-layout(5) and git-config(1), `extensions.*`: one that is not known here may mean anything. */
function refStorageIn(text: string): RefStorage | undefined {
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

/** As git writes it, up to the next section. Any other form is not understood. */
const extensionsSection = /^\[extensions\]\n((?:[ \t]*[a-z]+ = [\w./:-]+\n)+)(?![^[])/gim

const harmless = /^(?:objectformat|compatobjectformat|worktreeconfig|partialclone|preciousobjects|noop) = /
