import type { Entry } from '../../coordinator.ts'
import { isRefusal, MemberFailure, words } from '../members/member-failure.ts'
import type { Members } from '../members/members.ts'
import { decode, encode, isObject, rangeOf, wholeNumber } from '../members/wire.ts'
import type { JsonObject } from '../members/wire.ts'

/** Keys in one answer: parsing it takes a millisecond or two. */
const pageSize = 256
const attemptMs = 1500
const totalMs = 5000
/** How often a read begins anew because its revision was compacted under it. */
const mostBegun = 3

type Read = { readonly revision: number; readonly entries: readonly Entry[] }

/**
 * Reads all keys below a prefix as of one revision: the first page says which (it is a linearizable read, as all are), and
 * the others ask for the same.
 *
 * @throws {MemberFailure} where etcd refuses
 * @throws {CoordinatorError}
 */
export async function readKeys(members: Members, prefix: string, signal: AbortSignal): Promise<Read> {
  for (let begun = 1; ; begun++) {
    try {
      return await readPages(members, prefix, signal)
    } catch (error) {
      if (!isRefusal(error, words.compacted) || begun === mostBegun) throw error
    }
  }
}

async function readPages(members: Members, prefix: string, signal: AbortSignal): Promise<Read> {
  const range = rangeOf(prefix)
  const entries: Entry[] = []
  let revision: number | undefined
  for (;;) {
    const last = entries.at(-1)
    const body = {
      ...range,
      limit: String(pageSize),
      ...(last && { key: encode(`${last.key}\0`), revision: String(revision) }),
    }
    const call = { path: '/v3/kv/range', body, attemptMs, totalMs, isRepeatable: true }
    const page = await members.ask(call, ({ value, header }) => pageOf(value, header.revision, prefix), signal)
    revision ??= page.revision
    entries.push(...page.entries)
    if (!page.hasMore) return { revision, entries }
  }
}

type Page = Read & { readonly hasMore: boolean }

/** @throws {MemberFailure} */
function pageOf({ kvs = [], more }: JsonObject, revision: number, prefix: string): Page {
  if (!Array.isArray(kvs)) throw new MemberFailure('away', 'it answers a read without keys')
  const entries = kvs.map((kv: unknown) => entryOf(kv, prefix))
  return { revision, entries, hasMore: more === true && entries.length > 0 }
}

/** @throws {MemberFailure} for what is no key below the prefix */
export function entryOf(kv: unknown, prefix: string): Entry {
  try {
    if (!isObject(kv)) throw new TypeError('a key that is none')
    const key = decode(kv['key'])
    if (!key.startsWith(prefix)) throw new TypeError('a key that was not asked for')
    return { key, value: decode(kv['value']), revision: wholeNumber(kv['mod_revision']) }
  } catch (error) {
    throw new MemberFailure('away', `it answers with ${(error as Error).message}`, false, { cause: error })
  }
}
