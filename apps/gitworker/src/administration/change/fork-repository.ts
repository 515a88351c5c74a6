import { existsSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { plainName } from '@sluice/shared/git/repository-name'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { forkedReferences } from '../../copies/giving/fill-repository.ts'
import type { NewRepositories } from '../../creation/new-repositories.ts'
import type { LfsStorage } from '../../lfs/storage/lfs-storage.ts'
import type { RunLongJob } from '../../process/job/long-job.ts'
import type { RunJob } from '../../process/job/job.ts'
import { headIsNoGuess, settleHead } from '../../repository/default-branch.ts'
import { forkToHost } from './give-to-host.ts'
import type { GivingServices } from './give-to-host.ts'
import { makeAndKeep } from './create-empty.ts'
import { foundRepository, keyOfFolder, keysOf } from '../operation/found-repository.ts'
import { alternateLines, borrowedFolders, folderOf, realOr, writeAlternates } from '../lending/alternates.ts'
import { lend } from '../lending/lend.ts'
import type { FactsReader } from '../look/repository-facts.ts'
import { newPlace } from '../operation/new-place.ts'
import type { HeldPlace } from '../operation/held-operation.ts'
import type { OperationOf, Progress } from '../operation/operation.ts'
import { progressLines } from '../../git/progress-lines.ts'
import type { Turns } from '../operation/turns.ts'

export type ForkServices = {
  readonly root: string
  readonly turns: Turns
  readonly maker: NewRepositories['maker']
  readonly facts: FactsReader
  readonly lfs: LfsStorage
  readonly runJob: RunJob
  readonly runLongJob: RunLongJob
}

export type Forked = {
  readonly forked: string
  readonly to: string
  readonly borrows: boolean
  /** Whose disk it is on, where that is another one. */
  readonly host?: string
}

/** git follows no more than five repositories that borrow from each other, and the reference cache looks at eight in all. */
const mostAlternates = 7

/**
 * Makes a repository with the branches and tags of another. It borrows the other's objects, which takes no time and no
 * space; or it gets objects of its own, as it always does on another host's disk.
 *
 * It is filled by a fetch over git's own upload-pack, so that references which the other hides stay hidden.
 *
 * @throws {Refusal} `repository_missing`, `repository_exists`, `not_forkable`, `repository_busy` …
 */
export async function forkRepository(
  services: ForkServices & GivingServices,
  { repository, to, isIndependent }: OperationOf<'fork'>,
  progress: Progress,
  { otherHost, ...place }: HeldPlace,
): Promise<Forked> {
  const { root, turns, maker, facts, lfs, runJob, runLongJob } = services
  const found = foundRepository(root, repository)
  const { gitDir, keys } = found
  if (otherHost !== undefined) {
    checkForkable(gitDir, true)
    return await forkToHost(services, found, to, progress, { ...place, otherHost })
  }
  const target = newPlace(root, to)
  checkForkable(gitDir, isIndependent)
  // Nor may those that it borrows from be moved meanwhile, since the fork is to borrow from them, too.
  const lenders = borrowedFolders(gitDir).map((folder) => keyOfFolder(dirname(folder)))
  using _turn = turns.take([...keys, ...keysOf(to), ...lenders], 'fork')
  const { objectFormat } = await facts.of(gitDir, repository)
  if (objectFormat !== 'sha1' && objectFormat !== 'sha256') throw new Refusal('not_forkable')
  if (!isIndependent) await lend(gitDir, runJob)
  const furnish = async (hidden: string) => {
    if (!isIndependent) await borrow(hidden, dirname(target), gitDir, runJob)
    const fetch = ['--git-dir', hidden, 'fetch', '--no-write-fetch-head', '--no-auto-gc', '--no-tags', '--quiet']
    if (isIndependent)
      await runLongJob([...fetch, '--progress', '--', gitDir, ...forkedReferences], withProgress(progress))
    else await runJob([...fetch, '--', gitDir, ...forkedReferences], { signal: progress.signal })
    await runJob(['--git-dir', hidden, 'pack-refs', '--all'])
    await copyHead(gitDir, hidden, runJob)
    // Nothing tells which objects of LFS the branches need. Whoever asks for one must know its SHA-256.
    await lfs.share({ repository: plainName(repository), gitDir }, { repository: plainName(to), gitDir: hidden })
  }
  await makeAndKeep(maker, root, to, target, { format: objectFormat, furnish })
  return { forked: repository, to, borrows: !isIndependent }
}

function checkForkable(gitDir: string, isIndependent: boolean): void {
  if (existsSync(join(gitDir, 'shallow')))
    throw notForkable('it is shallow, so that a part of its history is elsewhere.')
  if (existsSync(join(gitDir, 'commondir')))
    throw notForkable('it is a linked work tree. Fork the repository that it belongs to.')
  if (!isIndependent && alternateLines(gitDir).length >= mostAlternates) {
    throw notForkable(
      `it borrows from ${mostAlternates} others already, and git follows no more. Make an independent fork.`,
    )
  }
}

function notForkable(why: string): Refusal {
  return new Refusal('not_forkable', { sentence: `This repository cannot be forked: ${why}` })
}

/**
 * Makes an empty repository borrow from another, and from all that one borrows from: those first that borrow least, so that
 * git never follows a chain.
 *
 * @param home the folder in which the fork will lie
 */
async function borrow(hidden: string, home: string, gitDir: string, runJob: RunJob): Promise<void> {
  const folders = [...alternateLines(gitDir).map((line) => folderOf(line, gitDir)), join(gitDir, 'objects')]
  // Relative, so that the root may be mounted elsewhere, or restored to another place.
  const base = join(realOr(home), 'fork.git', 'objects')
  await writeAlternates(hidden, [...new Set(folders.map((folder) => relative(base, folder)))])
  await runJob(['--git-dir', hidden, 'config', ...(await offeredReferences(gitDir, runJob))])
}

/**
 * A push to the fork is shown the references of those it borrows from, as `.have`, so that it need not send what is there.
 * git shows all of them, also those that are hidden. So only branches and tags are shown; and none where some of these are
 * hidden.
 */
async function offeredReferences(gitDir: string, runJob: RunJob): Promise<[key: string, value: string]> {
  const query = ['config', '--get-regexp', '--end-of-options', '^(transfer|uploadpack)\\.hiderefs$']
  const hidden = await runJob(['--git-dir', gitDir, ...query], { okCodes: [0, 1] })
  const hidesOffered = hidden
    .split('\n')
    .some((line) => /hiderefs \^?!?refs(?:\/(?:heads|tags)(?:\/|$)|\/?$)/i.test(line))
  return hidesOffered ? ['core.alternateRefsCommand', 'true'] : ['core.alternateRefsPrefixes', 'refs/heads/ refs/tags/']
}

/** Points the fork's HEAD to the same branch, if it has come along. Else it is a guess that the first push settles. */
async function copyHead(gitDir: string, hidden: string, runJob: RunJob): Promise<void> {
  const head = (await runJob(['--git-dir', gitDir, 'symbolic-ref', '--quiet', 'HEAD'], { okCodes: [0, 1] })).trim()
  const inFork = ['--git-dir', hidden]
  const isThere =
    head.startsWith('refs/heads/') &&
    (await runJob([...inFork, 'for-each-ref', '--format=x', '--', head], { okCodes: [0] })).trim() === 'x'
  if (!isThere) return await settleHead(hidden, runJob)
  await runJob([...inFork, 'symbolic-ref', 'HEAD', head])
  await headIsNoGuess(hidden)
}

function withProgress({ signal, tell }: Progress) {
  return { signal, onWords: progressLines(tell) }
}
