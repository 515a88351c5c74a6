import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { RunJob } from '../../process/job/job.ts'
import { JobError } from '../../process/job/job.ts'
import { errnoOf } from '@sluice/shared/machine/errno'
import { locksFileIn } from '../../repository/locks-file.ts'
import { hashOfLocks } from '../state/repository-texts.ts'
import type { KnownTexts, RepositoryTexts } from '../state/repository-texts.ts'

/*
 * The configuration, the description and the locks of a copy: each file is replaced as a whole, so that a git that reads it sees the old
 * one or the new one. A configuration is first read by git, which would refuse the whole repository for a wrong one.
 */

/**
 * @param gitDir of a repository that this host has made as a copy, so it is no linked work tree
 * @throws {Error} where git does not understand the configuration, or it is about another kind of repository; the file
 *   system's error
 */
export async function writeTexts(
  gitDir: string,
  before: KnownTexts,
  { config, description, locks }: RepositoryTexts,
  runJob: RunJob,
): Promise<void> {
  if (before.config !== config) {
    const isFit = (path: string) => checkConfig(path, join(gitDir, 'config'), runJob)
    await replace(join(gitDir, 'config'), config, isFit)
  }
  if (before.description !== description) await replaceOrRemove(join(gitDir, 'description'), description)
  if (before.locksHash !== hashOfLocks(locks)) await writeLocks(locksFileIn(gitDir), locks)
}

/** Uploads remove the folder when they find it empty. */
async function writeLocks(path: string, locks: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      if (locks !== '') await mkdir(dirname(path), { recursive: true })
      return await replaceOrRemove(path, locks)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || tries === mostTries) throw error
    }
  }
}

const mostTries = 5

async function replaceOrRemove(path: string, text: string): Promise<void> {
  if (text === '') await rm(path, { force: true })
  else await replace(path, text)
  await syncFolders(path)
}

/** Makes the name outlive a loss of power, and that of its folder. */
async function syncFolders(path: string): Promise<void> {
  for (const folder of [dirname(path), dirname(dirname(path))]) {
    await using opened = await open(folder).catch(() => undefined)
    await opened?.sync()
  }
}

/** The name is always the same, so that a process that was killed leaves one such file at most. */
async function replace(path: string, text: string, check?: (path: string) => Promise<void>): Promise<void> {
  const unfinished = `${path}.new`
  try {
    await using file = await open(unfinished, 'w')
    await file.writeFile(text, 'latin1')
    await file.sync()
    await check?.(unfinished)
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
}

/** What a repository has on disk cannot follow these. */
const ofLayout = '^extensions\\.(refstorage|objectformat|compatobjectformat)$'

async function checkConfig(path: string, present: string, runJob: RunJob): Promise<void> {
  const layoutIn = async (file: string) => {
    const args = ['config', '--file', file, '--get-regexp', '--end-of-options', ofLayout]
    const lines = (await runJob(args, { okCodes: [0, 1] })).toLowerCase().split('\n')
    return lines.filter((line) => line !== '' && !isDefault.test(line)).toSorted()
  }
  const wanted = await layoutIn(path).catch((error: unknown) => {
    if (!(error instanceof JobError)) throw error
    throw new Error(`git does not understand the configuration of the primary: ${error.message.slice(-300)}`, {
      cause: error,
    })
  })
  const now = await layoutIn(present)
  if (wanted.join() === now.join()) return
  throw new Error(
    `The primary's repository is of another kind (${wanted.join(', ') || 'SHA-1, files'}) than the copy (${now.join(', ') || 'SHA-1, files'}). Move the folder of the copy away, and it is copied anew.`,
  )
}

const isDefault = /^extensions\.(?:objectformat sha1|refstorage files)$/
