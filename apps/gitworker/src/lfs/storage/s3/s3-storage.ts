import { LRUCache } from 'lru-cache'
import type { LfsPointer } from '@sluice/shared/lfs/batch-request'
import { isOid } from '@sluice/shared/lfs/lfs-request'
import type { LfsOperation } from '@sluice/shared/lfs/lfs-request'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import type {
  DirectTransfer,
  IncomingObject,
  LfsPlace,
  LfsStorage,
  ListedObject,
  StoredObject,
} from '../lfs-storage.ts'
import { ExpectedObject } from '../disk/expected-object.ts'
import { base64Of, checksumHeader } from './checksum.ts'
import { homeOf, Homes } from './homes.ts'
import type { Home } from './homes.ts'
import { inParallel } from './in-parallel.ts'
import { IncomingUpload } from './incoming-upload.ts'
import { objectIn } from './object-reader.ts'
import type { KeptObject, S3Client } from './client/s3-client.ts'
import { RemovalGate } from './removal-gate.ts'
import { merged } from './used-objects.ts'

/** git-lfs asks for a new address when one is about to end. */
const addressSeconds = 3600

/** An object whose time is more recent counts as new as it is. */
const freshMs = 10 * 60_000
const mostMarked = 10_000

const atOnce = 8

/**
 * Keeps objects in a bucket of S3. Clients transfer them themselves, with addresses that are signed for one object: S3 checks
 * the length of an upload and its SHA-256, since both are signed.
 */
export class S3Storage implements LfsStorage {
  /** The most that S3 takes in one request. */
  readonly maxObject = 5 * 1024 ** 3
  readonly #client: S3Client
  readonly #prefix: string
  readonly #log: Logger
  readonly #homes = new Homes()
  readonly #gate = new RemovalGate()
  readonly #marked = new LRUCache<string, true>({ max: mostMarked, ttl: freshMs / 2 })
  #hasWarned = false

  /** @param prefix of all keys: empty, or with a slash at its end */
  constructor(client: S3Client, prefix: string, log: Logger) {
    this.#client = client
    this.#prefix = prefix
    this.#log = log
  }

  async sizeOf({ gitDir }: LfsPlace, oid: string): Promise<number | undefined> {
    const home = await homeOf(gitDir)
    return home && (await this.#find(home, oid))?.size
  }

  async freshen({ gitDir }: LfsPlace, oid: string): Promise<number | undefined> {
    const home = await homeOf(gitDir)
    if (!home) return undefined
    return await this.#gate.look(this.#keyOf(home, oid), async () => {
      const found = await this.#find(home, oid)
      if (found && found.changedAt < Date.now() - freshMs) await this.#mark(home, oid)
      return found?.size
    })
  }

  async open({ gitDir }: LfsPlace, oid: string): Promise<StoredObject | undefined> {
    const home = await homeOf(gitDir)
    const found = home && (await this.#find(home, oid))
    return found && objectIn(this.#client, this.#keyOf(home, oid), found.size)
  }

  async receive(place: LfsPlace, oid: string, size?: number): Promise<IncomingObject> {
    if ((await this.freshen(place, oid)) !== undefined) return new ExpectedObject(oid)
    if (size === undefined) {
      throw new Refusal('lfs_bad_request', { sentence: 'Say the length of the object (Content-Length).' })
    }
    const lent = await this.#homes.lend(place.gitDir)
    return new IncomingUpload(this.#client, this.#keyOf(lent.home, oid), { oid, size }, lent)
  }

  async *list({ gitDir }: LfsPlace): AsyncGenerator<ListedObject> {
    const home = await homeOf(gitDir)
    if (!home) return
    const [objects, used] = [this.#folder(home, 'objects'), this.#folder(home, 'used')]
    for await (const object of merged(this.#client, objects, used)) if (isOid(object.oid)) yield object
  }

  async remove({ gitDir }: LfsPlace, oid: string, usedBefore: number): Promise<boolean> {
    const home = await homeOf(gitDir)
    if (!home || !this.#mayRemove(home, gitDir)) return false
    const key = this.#keyOf(home, oid)
    const marker = this.#markerOf(home, oid)
    return await this.#gate.remove(key, async () => {
      const found = await this.#client.look(key)
      const mark = found && (await this.#client.look(marker))
      if (!found || Math.max(found.changedAt, mark?.changedAt ?? 0) >= usedBefore) return false
      await this.#client.remove(key)
      await this.#client.remove(marker)
      this.#marked.delete(key)
      return true
    })
  }

  async share(from: LfsPlace, to: LfsPlace): Promise<void> {
    const source = await homeOf(from.gitDir)
    if (!source) return
    const target = await this.#homes.keep(to.gitDir)
    await inParallel(this.list(from), atOnce, async ({ oid }) => {
      await this.#client.copy(this.#keyOf(source, oid), this.#keyOf(target, oid))
    })
  }

  async discard({ gitDir }: LfsPlace, others: AsyncIterable<Pick<LfsPlace, 'gitDir'>>): Promise<void> {
    const home = await homeOf(gitDir)
    if (!home) return
    for await (const other of others) {
      if (other.gitDir === gitDir || (await homeOf(other.gitDir))?.name !== home.name) continue
      this.#log.warn(
        { gitDir, other: other.gitDir },
        'another repository uses the same objects in S3: none was removed',
      )
      return
    }
    const keys = this.#client.list(`${this.#prefix}${home.name}/`)
    await inParallel(keys, atOnce, ({ key }) => this.#client.remove(key))
  }

  async direct({ gitDir }: LfsPlace, { oid, size }: LfsPointer, operation: LfsOperation): Promise<DirectTransfer> {
    const key = this.#keyOf(await this.#homes.keep(gitDir), oid)
    if (operation === 'download') {
      return { href: await this.#client.addressFor('GET', key, {}, addressSeconds), expires_in: addressSeconds }
    }
    const header = checksumHeader(oid)
    const signed = { ...header, 'content-length': String(size) }
    return {
      href: await this.#client.addressFor('PUT', key, signed, addressSeconds),
      header,
      expires_in: addressSeconds,
    }
  }

  async probe(): Promise<void> {
    await this.#client.probe(this.#prefix)
  }

  /** @returns undefined where there is none, or another than there should be */
  async #find(home: Home, oid: string): Promise<KeptObject | undefined> {
    const found = await this.#client.look(this.#keyOf(home, oid))
    if (!found) return undefined
    if (found.checksum === undefined) this.#warnOfChecksums()
    else if (found.checksum !== base64Of(oid)) {
      this.#log.error({ oid, home: home.name }, 'an object in S3 is not what its name says, and counts as missing')
      return undefined
    }
    return found
  }

  /** Objects that came with a backup, or with another tool, have none either. */
  #warnOfChecksums(): void {
    if (this.#hasWarned) return
    this.#hasWarned = true
    this.#log.warn('S3 keeps no SHA-256 of objects. If it does not check them either, only clients do')
  }

  async #mark(home: Home, oid: string): Promise<void> {
    const key = this.#keyOf(home, oid)
    if (this.#marked.has(key)) return
    await this.#client.mark(this.#markerOf(home, oid))
    this.#marked.set(key, true)
  }

  #mayRemove({ isOwn, name }: Home, gitDir: string): boolean {
    if (!isOwn) {
      this.#log.warn(
        { gitDir, prefix: `${this.#prefix}${name}/` },
        'this folder is a copy of a repository, whose objects in S3 it uses: none of them is removed',
      )
    }
    return isOwn
  }

  #keyOf(home: Home, oid: string): string {
    return `${this.#folder(home, 'objects')}${oid}`
  }

  #markerOf(home: Home, oid: string): string {
    return `${this.#folder(home, 'used')}${oid}`
  }

  #folder({ name }: Home, what: 'objects' | 'used'): string {
    return `${this.#prefix}${name}/${what}/`
  }
}
