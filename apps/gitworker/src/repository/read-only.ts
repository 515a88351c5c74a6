import { basename, dirname, join, relative } from 'node:path'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { reasons } from '@sluice/shared/refusal/reasons'
import { commonDirOf, realPathOf } from './repository.ts'
import type { Repository } from './repository.ts'

/** Which repositories take no pushes (SLUICE_READ_ONLY). */
export type ReadOnlyRules = {
  /** The operator's sentence, which may be empty, by all names of a repository; undefined where it takes pushes. */
  sentenceFor(names: readonly string[]): string | undefined
  /** Whether no repository is read-only. */
  readonly isEmpty: boolean
}

/**
 * A symbolic link or a work tree gives a repository one more name. The rules for its other names hold as well.
 *
 * @param name as it was addressed
 * @param found undefined where the repository is yet to be created
 * @throws {Refusal} `read_only`
 */
export function checkNotReadOnly(
  rules: ReadOnlyRules,
  root: string,
  name: string,
  found: Repository | undefined,
): void {
  if (rules.isEmpty) return
  const folders = found ? [found.gitDir, commonDirOf(found.gitDir)] : [placeOf(root, name)]
  const sentence = rules.sentenceFor([name, ...folders.map((folder) => relative(root, folder))])
  if (sentence !== undefined) throw readOnly(sentence)
}

/** Where a repository would be created: folders above it may be links. */
function placeOf(root: string, name: string): string {
  let parent = dirname(join(root, name))
  let rest = basename(name)
  for (;;) {
    const real = realPathOf(parent)
    if (real !== undefined || parent === root) return join(real ?? root, rest)
    rest = join(basename(parent), rest)
    parent = dirname(parent)
  }
}

/** @param sentence the operator's; empty where there is none */
export function readOnly(sentence: string): Refusal {
  const { read_only: row } = reasons
  return new Refusal('read_only', { sentence: sentence === '' ? row.sentence : `${row.sentence} ${sentence}` })
}
