import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Lane } from '@sluice/shared/admission/lane'
import { discardCopy } from '../../src/administration/change/discard-copy.ts'
import { MoveNotes } from '../../src/administration/move/move-notes.ts'
import { Turns } from '../../src/administration/operation/turns.ts'
import { purgeHere } from '../../src/administration/change/purge-repository.ts'
import { Trash, trashedOf } from '../../src/administration/trash/trash.ts'
import type { RemovedTrash } from '../../src/copies/trash/told-trash.ts'
import type { Address } from '@sluice/shared/network/address'
import { slotCount } from '@sluice/shared/placement/slot'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { laneReasons } from '../../src/capacity/admission.ts'
import { Gifts } from '../../src/copies/giving/gifts.ts'
import { gitStreams } from '../../src/copies/git-stream.ts'
import type { Joining } from '../../src/cluster/handover/in-sync-additions.ts'
import { CopiesServer } from '../../src/copies/server/copies-server.ts'
import { HostLinks } from '../../src/copies/link/host-links.ts'
import { Copies } from '../../src/copies/primary/copies.ts'
import { NotPrimaryError } from '../../src/copies/primary/primary-of.ts'
import type { BringRepositoryServices } from '../../src/copies/catching-up/bring-repository.ts'
import { CatchingUp } from '../../src/copies/catching-up/catching-up.ts'
import { TellingOrder } from '../../src/copies/primary/telling-order.ts'
import { Newcomers } from '../../src/copies/primary/newcomers.ts'
import { repositoriesBelow } from '../../src/administration/look/walk-root.ts'
import { SlotNames } from '../../src/copies/slot-names.ts'
import { askForObjects } from '../../src/copies/copy/ask-objects.ts'
import { askPrimary } from '../../src/copies/copy/ask-primary.ts'
import { Followers } from '../../src/copies/copy/followers.ts'
import type { Discard } from '../../src/copies/copy/discard.ts'
import { objectsOfPrimary } from '../../src/copies/copy/objects-of-primary.ts'
import { Terms } from '../../src/copies/copy/term/terms.ts'
import type { SlotView } from '../../src/copies/slot-view.ts'
import { DiskStorage } from '../../src/lfs/storage/disk/disk-storage.ts'
import { UploadNotes } from '../../src/lfs/storage/disk/upload-notes.ts'
import { RepositoryMaker } from '../../src/creation/repository-maker.ts'
import type { GitOptions } from '../../src/git/command.ts'
import { writeConfigFiles } from '../../src/git/config-file.ts'
import { jobRunner } from '../../src/process/job/job.ts'
import { Pool } from '../../src/process/pool.ts'
import { SpawnLog } from '../../src/process/spawn-log.ts'
import { RepositoryUsers } from '../../src/repository/repository-users.ts'
import { openRuntimeDirectory } from '../../src/start/parts/runtime-directory.ts'
import { syncReferences } from '../../src/push/sync-references.ts'
import { StaleLocks } from '../../src/sweep/stale-locks.ts'
import { openTestWorkers } from './workers.ts'

/** Who keeps what, as all hosts of a test know it: one record for all slots. */
export type FakeCluster = {
  /** Hosts hear at once that it is another one. */
  record: SlotRecord | undefined
  readonly listeners: Set<(slot: number) => void>
  readonly addresses: Map<string, Address>
  /** The copies that were taken out, in order. */
  readonly removed: string[]
  /** The copies that were taken in, in order. */
  readonly added: string[]
  /** Whether a copy can be taken out. */
  canRemove: boolean
  /** The one slot that the record is of; undefined: it is that of all slots. */
  slot?: number
}

export function fakeCluster(primary: string, ...copies: string[]): FakeCluster {
  const hosts = [primary, ...copies]
  let record: SlotRecord | undefined = { primary, copies: hosts, inSync: hosts, next: undefined, term: 7 }
  const listeners = new Set<(slot: number) => void>()
  return {
    get record() {
      return record
    },
    set record(now) {
      record = now
      for (const listener of listeners) for (let slot = 0; slot < slotCount; slot++) listener(slot)
    },
    listeners,
    addresses: new Map(),
    removed: [],
    added: [],
    canRemove: true,
  }
}

export type CopyingHost = AsyncDisposable & {
  readonly name: string
  readonly root: string
  readonly view: SlotView
  readonly copies: Copies
  readonly followers: Followers
  readonly trash: Trash
  readonly users: RepositoryUsers
  readonly server: Server
  /** The git directories whose changes were brought to the disk, in order. */
  readonly synced: string[]
  /** How many requests of other hosts have come, by path. */
  readonly asked: Map<string, number>
  readonly reader: ConstructorParameters<typeof Copies>[0]['reader']
  /** To bring one repository to a copy, as a primary. */
  readonly brought: BringRepositoryServices
  /** Brings copies in sync, as a primary, until it is disposed of. */
  readonly catchUp: () => CatchingUp
  /** The pids of workers that serve. */
  readonly serving: () => number[]
}

/** What a host has for copies, with real workers, git and connections; without pushes. */
export async function openCopyingHost(
  cluster: FakeCluster,
  name: string,
  { copyTimeout = 60_000, longestSilence = 300_000, git: program = 'git', log = silentLog } = {},
): Promise<CopyingHost> {
  await using opened = new AsyncDisposableStack()
  const { path } = opened.use(await temporaryFolder())
  const root = join(path, 'repos')
  await mkdir(root)
  const runtimeDirectory = opened.use(
    await openRuntimeDirectory(join(path, 'run'), { killGrace: 500, isShared: false }, silentLog),
  )
  const workers = opened.use(await openTestWorkers())
  const running = new Set<{ readonly pid: number | undefined; readonly state: string }>()
  const startWorker = () => {
    const worker = workers.start()
    running.add(worker)
    void worker.gone.then(() => running.delete(worker))
    return worker
  }
  const pool = opened.use(new Pool({ startWorker, warm: 2, onStart: () => {} }, silentLog))
  const configFiles = await writeConfigFiles(runtimeDirectory.gitConfig, {
    packThreads: 1,
    packWindowMemory: 1 << 20,
    fsync: true,
  })
  const git: GitOptions = {
    git: program,
    path: process.env['PATH'] ?? '',
    cwd: runtimeDirectory.empty,
    configFiles,
    fsckObjects: true,
    fsync: true,
    packThreads: 1,
    reflogs: false,
    gnupgHome: undefined,
    jobNiceness: 0,
  }
  const spawnLog = SpawnLog.open(silentLog, [], join(path, 'traces'))
  const lane = () =>
    new Lane({ slots: 4, largestShare: 1, queueLength: 1000, queueTimeout: 60_000, reasons: laneReasons })
  const runJob = jobRunner(pool, git, lane(), spawnLog)
  const streams = () => gitStreams({ pool, git, lane: lane(), spawnLog, notes: runtimeDirectory })
  const addressOf = (host: string) => cluster.addresses.get(host)
  const view: SlotView = {
    name,
    slot: (slot) => (cluster.slot === undefined || cluster.slot === slot ? cluster.record : undefined),
    addressOf,
    sinceOf: (host) => (cluster.addresses.has(host) ? 1 : undefined),
    changed: () => new Promise((resolve) => void setTimeout(resolve, 10)),
    listen: (listener) => {
      cluster.listeners.add(listener)
      return { [Symbol.dispose]: () => void cluster.listeners.delete(listener) }
    },
  }
  const links = opened.use(new HostLinks({ secret: undefined, tls: undefined }))
  const reader = { startGit: streams(), runJob }
  const inSync = {
    remove: (_slot: number, term: number, copy: string) => {
      const { record } = cluster
      if (!cluster.canRemove || record?.primary !== name || record.term !== term) {
        return Promise.reject(new Error('the swap was not done'))
      }
      cluster.removed.push(copy)
      cluster.record = { ...record, inSync: record.inSync.filter((host) => host !== copy) }
      return Promise.resolve()
    },
    add: async ({ term, copy, mayEnter }: Joining) => {
      if (cluster.record?.primary !== name || cluster.record.term !== term) throw new NotPrimaryError('It is over.')
      if (!mayEnter()) return false
      // The swap is under way.
      await new Promise((resolve) => void setTimeout(resolve, 50))
      cluster.record = { ...cluster.record, inSync: [...cluster.record.inSync, copy] }
      cluster.added.push(copy)
      return true
    },
  }
  const newcomers = new Newcomers()
  const reads = { settled: () => Promise.resolve() }
  const store = new DiskStorage(UploadNotes.open(runtimeDirectory.path, silentLog))
  const services = { root, view, store, newcomers, inSync, reads, links, reader, copyTimeout, log: silentLog }
  const brought = { ...services, trashed: async () => null, tellings: new TellingOrder() }
  const copies = new Copies({ ...brought, minInSync: 1 })
  const names = new SlotNames((onUnreadable) => repositoriesBelow(root, onUnreadable))
  const catchUp = () => new CatchingUp({ ...brought, names, firstPause: 20 })
  const users = new RepositoryUsers()
  await mkdir(join(path, 'notes'))
  const moveNotes = await MoveNotes.open(join(path, 'moves'), silentLog)
  const trash = new Trash(root, undefined)
  const moving = { root, users, answers: undefined, busyWait: 500, turns: new Turns(), trash, notes: moveNotes }
  const discard: Discard = (repository, before, { signal, onProgress, lent }) =>
    discardCopy({ ...moving, lent }, repository, before ?? undefined, { signal, tell: onProgress })
  const terms = await Terms.open(root)
  const synced: string[] = []
  const sync: typeof syncReferences = (gitDir, ...changed) => {
    synced.push(gitDir)
    return syncReferences(gitDir, ...changed)
  }
  const askObjects = askForObjects(links, name, addressOf)
  const openObjects = objectsOfPrimary(links, name, addressOf)
  const ask = askPrimary(links, name, addressOf)
  const fetched = { root, view, runJob, sync, store, openObjects, ask, askObjects }
  const followers = new Followers({
    ...fetched,
    terms,
    maker: new RepositoryMaker(join(path, 'notes'), 'sha1', runJob),
    discard,
    onFollowed: () => {},
    users,
    turns: copies.turns,
    staleLocks: new StaleLocks({ isShared: false }),
    answers: undefined,
    startGit: streams(),
    log,
  })
  const asked = new Map<string, number>()
  const objects = { root, view, users, startGit: streams(), startGiving: streams(), offers: copies.offers }
  const received = {
    ...fetched,
    startGit: streams(),
    hold: () => assert.fail('nothing is given in these tests'),
    make: () => assert.fail('nothing is given in these tests'),
    copies,
    onReceived: () => {},
    receiving: lane(),
    undecided: { open: async () => {}, withdraw: async () => {}, look: () => {} },
    enter: (gitDir: string) => users.enter(gitDir),
    log: silentLog,
  }
  const hold = () => assert.fail('nothing is given in these tests')
  const ending = new AbortController()
  const trashHere = {
    list: async () => (await trash.list()).map(trashedOf),
    remove: (removed: RemovedTrash) => purgeHere(moving, removed),
  }
  const served = new CopiesServer({
    trashHere,
    progressHere: () => ({ catchingUp: [], problems: [] }),
    turns: copies.turns,
    view,
    terms,
    names,
    followers,
    objects,
    gifts: new Gifts(),
    received,
    outcomes: { root, gifts: new Gifts(), isInTrash: () => false, hold, copies, ending: ending.signal },
    root,
    users,
    store,
    askObjects,
    grants: { answer: () => undefined },
    catchingUp: lane(),
    longestSilence,
    ending: ending.signal,
    log: silentLog,
  })
  const server = createServer((incoming, outgoing) => {
    const [url = ''] = (incoming.url ?? '').split('?')
    asked.set(url, (asked.get(url) ?? 0) + 1)
    if (CopiesServer.isMeant(incoming)) void served.serve(incoming, outgoing)
    else outgoing.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  cluster.addresses.set(name, { kind: 'tcp', host: '127.0.0.1', port })
  opened.defer(() => {
    ending.abort()
    server.close()
    server.closeAllConnections()
  })
  const serving = () => [...running].filter(({ state }) => state === 'serving').flatMap(({ pid }) => pid ?? [])
  const parts = opened.move()
  const ends = () => parts.disposeAsync()
  return {
    name,
    root,
    view,
    copies,
    followers,
    trash,
    users,
    server,
    synced,
    asked,
    reader,
    brought,
    catchUp,
    serving,
    [Symbol.asyncDispose]: ends,
  }
}
