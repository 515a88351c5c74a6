import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Lane } from '@sluice/shared/admission/lane'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { laneReasons } from '../../src/capacity/admission.ts'
import { NotConfirmedError, receiveRepository } from '../../src/copies/giving/receive-repository.ts'
import type { ReceiveServices } from '../../src/copies/giving/receive-repository.ts'
import type { Given } from '../../src/copies/link/given.ts'

const never = new AbortController().signal

/** A gift whose repository is made by `git init`: the rest is left out. */
async function receive(root: string, sync: (gitDir: string) => Promise<void>, primary = 'one'): Promise<void> {
  const record = { primary, copies: ['one'], inSync: ['one'], next: undefined, term: 7 }
  const services = {
    root,
    view: { slot: () => record, changed: () => new Promise((resolve) => void setTimeout(resolve, 10)) },
    hold: () => ({ confirm: async () => {}, [Symbol.dispose]() {} }),
    make: async (repository: string) => void (await git(root, ['init', '--quiet', '--bare', `${repository}.git`])),
    copies: { confirm: async () => {} },
    onReceived: () => {},
    receiving: new Lane({ slots: 1, largestShare: 1, queueLength: 1, queueTimeout: 60_000, reasons: laneReasons }),
    sync,
  } as unknown as ReceiveServices
  const from = { repository: 'old', term: 7, primary: 'one', gift: '0'.repeat(32) }
  const given = { kind: 'fork', to: 'new', from, state: { format: 'sha1' }, hasObjects: false } as unknown as Given
  const ready = () => assert.fail('nothing is fetched here')
  await receiveRepository(services, {
    given,
    leaving: never,
    ending: never,
    onWords() {},
    tell() {},
    ready,
    made: async () => {},
  })
}

test('a repository of another host is made only when its new name is on the disk', async () => {
  await using folder = await temporaryFolder()
  const synced: string[] = []
  await receive(folder.path, async (gitDir) => void synced.push(gitDir))
  assert.deepEqual(synced, [join(folder.path, 'new.git')])
})

test('where the disk fails then, the other host is told that both names are there', async () => {
  await using folder = await temporaryFolder()
  const failing = receive(folder.path, () => Promise.reject(new Error('EIO')))
  await assert.rejects(failing, NotConfirmedError)
})

test('nothing is taken from a host that this one does not know as the primary of the old name', async () => {
  await using folder = await temporaryFolder()
  const taking = receive(folder.path, async () => {}, 'another')
  await assert.rejects(taking, { reason: 'misplaced' })
  assert.deepEqual(await readdir(folder.path), [])
})
