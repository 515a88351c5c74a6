import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import type { SeededRandom } from '@sluice/shared/testing/seeded-random'

/*
 * Changes to a repository's files that somebody may make without git, with an editor, a script or a backup. Nothing is done
 * where something is in the way.
 */

export function write(file: string, text: string): void {
  attempt(() => fs.mkdirSync(dirname(file), { recursive: true }))
  attempt(() => fs.writeFileSync(file, text))
}

export function toggle(file: string, text: string, random: SeededRandom): void {
  if (fs.existsSync(file) && random.chance(0.6)) fs.rmSync(file)
  else write(file, text)
}

/** The file of some loose reference. */
export function looseRef(gitDir: string, random: SeededRandom, below = 'refs'): string | undefined {
  if (!fs.existsSync(join(gitDir, below))) return undefined
  const files = fs
    .readdirSync(join(gitDir, below), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.lock'))
    .map((entry) => join(entry.parentPath, entry.name))
  return files.length === 0 ? undefined : random.pick(files)
}

/** Changes a line of packed-refs to another commit, or removes it; in place or by a rename. */
export function editPackedRefs(gitDir: string, commit: string, random: SeededRandom): void {
  const file = join(gitDir, 'packed-refs')
  if (!fs.existsSync(file)) return
  const lines = fs.readFileSync(file, 'utf8').split('\n')
  // Not a line with a peeled value after it.
  const plain = [...lines.keys()].filter((i) => /^[0-9a-f]/.test(lines[i]!) && !lines[i + 1]?.startsWith('^'))
  if (plain.length === 0) return
  const chosen = random.pick(plain)
  lines.splice(chosen, 1, ...(random.chance(0.3) ? [] : [lines[chosen]!.replace(/^\S+/, commit)]))
  const [isByRename, text] = [random.chance(0.5), lines.join('\n')]
  fs.writeFileSync(isByRename ? `${file}.new` : file, text)
  if (isByRename) fs.renameSync(`${file}.new`, file)
}

/** @param included a file that the configuration may include */
export function editConfig(gitDir: string, included: string, random: SeededRandom): void {
  const lines = ['[core]', '\trepositoryformatversion = 1', '\tbare = true']
  const sometimes = (probability: number, ...more: string[]) => random.chance(probability) && lines.push(...more)
  sometimes(0.5, '[extensions]', '\tworktreeConfig = true')
  sometimes(0.5, '[lsrefs]', `\tunborn = ${random.pick(['advertise', 'allow', 'ignore'])}`)
  sometimes(0.5, '[uploadpack]', `\tallowAnySHA1InWant = ${random.pick(['true', 'false'])}`)
  sometimes(0.3, '[uploadpack]', `\tallowFilter = ${random.pick(['true', 'false'])}`)
  sometimes(0.3, `[uploadpackfilter "${random.pick(['blob:none', 'tree', 'combine'])}"]`, '\tallow = false')
  sometimes(0.1, '[core]', '\tuseReplaceRefs = true')
  sometimes(0.5, '[receive]', `\tadvertiseAtomic = ${random.pick(['true', 'false'])}`)
  sometimes(0.5, hideRefs(random))
  sometimes(0.05, '[receive]', '\tcertNonceSeed = secret')
  sometimes(0.05, '[transfer]', '\tadvertiseSID = true')
  sometimes(0.1, '[include]', `\tpath = ${included}`)
  fs.writeFileSync(join(gitDir, 'config'), `${lines.join('\n')}\n`)
}

export function hideRefs(random: SeededRandom): string {
  return `[transfer]\n\thideRefs = ${random.pick(['refs/heads/a', 'refs/heads', 'refs/tags', 'refs/none'])}`
}

/** Runs an action, unless something is in the way. */
export function attempt(act: () => void): void {
  try {
    act()
  } catch {
    // There is a folder in place of a file, or the other way round.
  }
}
