import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { DiskSpace } from '../../src/capacity/disk-space.ts'
import type { FreeSpace } from '../../src/capacity/disk-space.ts'

const mebibyte = 2 ** 20
const disk = (freeBytes: number, totalBytes: number, freeInodes?: number, totalInodes?: number): FreeSpace => ({
  freeBytes,
  totalBytes,
  freeInodes,
  totalInodes,
})
const seeing = (seen: FreeSpace, minFree?: number) => new DiskSpace({ root: '/' }, minFree, () => Promise.resolve(seen))
const isLow = (error: unknown) => error instanceof Refusal && error.reason === 'disk_low'

test('a hundredth is kept free, at most a twentieth on small disks, and a gibibyte on large ones', async () => {
  await assert.rejects(seeing(disk(99 * mebibyte, 10_000 * mebibyte)).checkPush(), isLow)
  await seeing(disk(101 * mebibyte, 10_000 * mebibyte)).checkPush()
  await assert.rejects(seeing(disk(63 * mebibyte, 2000 * mebibyte)).checkPush(), isLow)
  await seeing(disk(6 * mebibyte, 100 * mebibyte)).checkPush()
  await assert.rejects(seeing(disk(4 * mebibyte, 100 * mebibyte)).checkPush(), isLow)
  await seeing(disk(1025 * mebibyte, 10_000_000 * mebibyte)).checkPush()
})

test('inodes count if the file system counts them', async () => {
  await assert.rejects(seeing(disk(1e12, 2e12, 5, 1e6)).checkPush(), isLow)
  await seeing(disk(1e12, 2e12, 5000, 1e6)).checkPush()
  await seeing(disk(1e12, 2e12, 5, 100)).checkPush()
  assert.match((await seeing(disk(1e12, 2e12, 5, 1e6)).shortage())!, /inodes/)
})

test('a push that says its size must fit', async () => {
  const free = seeing(disk(100, 1000), 10)
  await free.checkPush(90)
  await assert.rejects(free.checkPush(91), (error: Refusal) => isLow(error) && /larger than/.test(error.sentence))
  await seeing(disk(0, 1000), 0).checkPush(0)
})

test('a disk that fails, or does not answer, refuses nothing, and is asked once', async () => {
  await new DiskSpace({ root: '/' }, 10, () => Promise.reject(new Error('EIO'))).checkPush()
  let looks = 0
  const dead = new DiskSpace({ root: '/' }, 10, () => {
    looks++
    return new Promise(() => {})
  })
  await Promise.all([dead.checkPush(), dead.checkPush(), dead.all(), dead.shortage()])
  assert.equal(looks, 1)
})
