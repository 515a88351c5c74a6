import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HoldUps } from '../../../src/cache/packs/hold-ups.ts'
import type { SharedPack } from '../../../src/cache/packs/shared-pack.ts'
import type { PackReader } from '../../../src/cache/packs/stream/pack-reader.ts'

/** A reader that keeps others waiting at some looks, and not at others, and takes so much between two. */
function watch(firstBytesPerLook = 0) {
  let bytesPerLook = firstBytesPerLook
  const reader = { position: 0 }
  const pack: { heldUpBy: object[] } = { heldUpBy: [] }
  const holdUps = new HoldUps()
  let now = 0
  const look = (isHolding: boolean, ms = 500) => {
    reader.position += bytesPerLook
    pack.heldUpBy = isHolding ? [reader] : []
    return holdUps.look([pack as unknown as SharedPack], (now += ms)).includes(reader as PackReader)
  }
  const isEnded = (looks: readonly boolean[]) => looks.map((isHolding) => look(isHolding)).includes(true)
  const stop = () => void (bytesPerLook = 0)
  return { look, isEnded, stop }
}

const repeat = (pattern: readonly boolean[], times: number) => Array.from({ length: times }, () => pattern).flat()

test('a reader that keeps others waiting all the time is found after 15 seconds', () => {
  const { look, isEnded } = watch()
  assert.equal(isEnded([false, ...repeat([true], 30)]), false)
  assert.equal(look(true), true)
})

test('a reader that takes 256 KiB in each second may set the pace for the others', () => {
  assert.equal(watch(2 ** 17).isEnded(repeat([true], 1000)), false)
  assert.equal(watch(2 ** 17 - 1).isEnded(repeat([true], 1000)), true)
})

test('a reader that has taken much, and then stops, is found soon', () => {
  const { isEnded, stop } = watch(2 ** 26)
  assert.equal(isEnded(repeat([true], 1000)), false)
  stop()
  assert.equal(isEnded(repeat([true], 80)), true)
})

test('readers that wait for each other in turn go on', () => {
  assert.equal(watch().isEnded(repeat([true, false], 1000)), false)
  assert.equal(watch().isEnded(repeat([true, true, true, false], 1000)), false)
})

test('a reader that moves just often enough not to stand still is found, too', () => {
  for (const stopped of [9, 28]) {
    assert.equal(watch().isEnded(repeat([...repeat([true], stopped), false], 100)), true)
  }
})

test('a pause of this process counts for little', () => {
  const { look } = watch()
  look(true)
  for (let pause = 0; pause < 15; pause++) assert.equal(look(true, 60_000), false)
})
