import { relative } from 'node:path'
import type { Mirror } from '@sluice/shared/config/mirrors/mirrors-file'
import { plainName } from '@sluice/shared/git/repository-name'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { commonDirOf } from '../repository/repository.ts'
import type { Repository } from '../repository/repository.ts'

/** The mirrors by their plain names. */
export type MirrorTable = { of(plain: string): Mirror | undefined }

/**
 * Nothing is pushed to a mirror: the next fetch from its upstream would overwrite it. A symbolic link or a work tree gives
 * a repository one more name.
 *
 * @param mirrors undefined where there is no file of mirrors
 * @param name as it was addressed
 * @param found undefined where the repository is not here yet
 * @throws {Refusal} `is_mirror`
 */
export function checkNoMirror(
  mirrors: MirrorTable | undefined,
  root: string,
  name: string,
  found: Repository | undefined,
): void {
  if (!mirrors) return
  const folders = found ? [found.gitDir, commonDirOf(found.gitDir)] : []
  for (const one of [name, ...folders.map((folder) => relative(root, folder))]) {
    const mirror = mirrors.of(plainName(one))
    if (mirror) throw new Refusal('is_mirror', { sentence: sentenceFor(mirror) })
  }
}

/** @throws {Refusal} `mirror_not_ready` where a repository that is not here is a mirror */
export function checkNotAwaited(mirrors: MirrorTable | undefined, plain: string): void {
  if (mirrors?.of(plain)) throw new Refusal('mirror_not_ready', { headers: { 'Retry-After': '10' } })
}

/** The path of an upstream on this machine is nobody's business. */
function sentenceFor({ upstream: { scheme, url } }: Mirror): string {
  if (scheme === 'file') return 'This repository is a mirror of another: it can be fetched from, but not pushed to.'
  return `This repository is a mirror of ${url}: it can be fetched from, but not pushed to. Push there: git remote set-url --push origin ${url}`
}
