import { z } from 'zod'
import { repositoryMissing } from '@sluice/shared/git/repository-missing'
import { readJson } from '@sluice/shared/lfs/batch-request'
import type { LfsLocks } from '@sluice/shared/lfs/lfs-request'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { lockIdOf, shownLock } from './lock.ts'
import type { Lock } from './lock.ts'
import { isLockPath } from './lock-path.ts'
import type { Locks } from './locks.ts'
import type { PageRequest } from './page.ts'

/** What is asked of the locks of a repository, and by whom. */
export type LocksQuestion = {
  readonly request: Pick<LfsLocks, 'action' | 'lock' | 'query'>
  /** Undefined for `list`, which has none. */
  readonly body: Buffer | undefined
  /** Undefined: nobody has logged in. */
  readonly user: string | undefined
  /** Of the repository's locks. Undefined where there is no such repository yet. */
  readonly file: string | undefined
}

export type LocksAnswer = {
  readonly status: number
  readonly json: object
  /** Why it was not done; undefined where it was. */
  readonly reason?: 'lfs_lock_exists'
}

/*
 * A branch may be named in each request (`ref`, `refspec`). As the document says, it is for servers whose rights are by
 * branch. Here, a lock counts for all branches.
 */
const creation = z.object({ path: z.string() })
const verification = z.object({ cursor: z.string().nullish(), limit: z.int().nonnegative().nullish() })
const unlocking = z.object({ force: z.boolean().nullish() })

/**
 * Answers a request for locks. That the user may read, or write, has been decided.
 *
 * Source: docs/api/locking.md of https://github.com/git-lfs/git-lfs
 *
 * @throws {Refusal} `lfs_bad_request`, `lfs_bad_lock`, `lfs_lock_needs_login`, `repository_missing`, and those of `Locks`
 */
export async function answerLocks(locks: Locks, question: LocksQuestion): Promise<LocksAnswer> {
  const { request, body = Buffer.alloc(0), user, file } = question
  switch (request.action) {
    case 'create':
      return await create(locks, fileIn(file), readJson(body, creation).path, user)
    case 'list':
      return await list(locks, fileIn(file), new URLSearchParams(request.query))
    case 'verify':
      return await verify(locks, file, readJson(body, verification), user)
    case 'unlock':
      return await unlock(locks, fileIn(file), request.lock ?? '', readJson(body, unlocking).force ?? false, user)
    default:
      return request.action satisfies never
  }
}

async function create(locks: Locks, file: string, path: string, user: string | undefined): Promise<LocksAnswer> {
  if (!isLockPath(path)) {
    const sentence = 'This cannot be locked: name a file below the top of the work tree, in at most 1024 bytes.'
    throw new Refusal('lfs_bad_lock', { sentence })
  }
  if (user === undefined) throw new Refusal('lfs_lock_needs_login')
  const { lock, isNew } = await locks.create(file, path, user)
  if (isNew) return { status: 201, json: { lock: shownLock(lock) } }
  const message = `${path} is locked already, by ${lock.owner}.`
  return { status: 409, json: { lock: shownLock(lock), message }, reason: 'lfs_lock_exists' }
}

async function list(locks: Locks, file: string, query: URLSearchParams): Promise<LocksAnswer> {
  // An empty value is none: so the document writes it.
  const given = (name: string) => query.get(name) || undefined
  const limit = given('limit')
  if (limit !== undefined && !/^\d{1,9}$/.test(limit)) throw wrong('limit')
  const id = given('id')
  const search = {
    path: given('path'),
    // What cannot be an id is the id of no lock.
    id: id === undefined ? undefined : (lockIdOf(id) ?? 0),
    ...pageOf(given('cursor'), limit === undefined ? undefined : Number(limit)),
  }
  const page = await locks.list(file, search)
  return { status: 200, json: { locks: page.locks.map(shownLock), next_cursor: page.nextCursor } }
}

async function verify(
  locks: Locks,
  file: string | undefined,
  { cursor, limit }: z.infer<typeof verification>,
  user: string | undefined,
): Promise<LocksAnswer> {
  // A push that is to create the repository asks before there is one.
  if (file === undefined) return { status: 200, json: { ours: [], theirs: [] } }
  const search = { path: undefined, id: undefined, ...pageOf(cursor || undefined, limit || undefined) }
  const page = await locks.list(file, search)
  const isOurs = ({ owner }: Lock) => owner === user
  const ours = page.locks.filter(isOurs).map(shownLock)
  const theirs = page.locks.filter((lock) => !isOurs(lock)).map(shownLock)
  return { status: 200, json: { ours, theirs, next_cursor: page.nextCursor } }
}

async function unlock(
  locks: Locks,
  file: string,
  name: string,
  isForced: boolean,
  user: string | undefined,
): Promise<LocksAnswer> {
  const id = lockIdOf(name)
  if (id === undefined) throw new Refusal('lfs_lock_missing')
  return { status: 200, json: { lock: shownLock(await locks.unlock(file, id, user, isForced)) } }
}

function fileIn(file: string | undefined): string {
  if (file === undefined) throw repositoryMissing('receive-pack')
  return file
}

function pageOf(cursor: string | undefined, limit: number | undefined): PageRequest {
  const last = cursor === undefined ? undefined : lockIdOf(cursor)
  if (cursor !== undefined && last === undefined) throw wrong('cursor')
  return { cursor: last, limit: limit === 0 ? undefined : limit }
}

function wrong(name: string): Refusal {
  return new Refusal('lfs_bad_request', { sentence: `"${name}" is not right.` })
}
