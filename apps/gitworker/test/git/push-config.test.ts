import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, tryGit } from '@sluice/shared/testing/git'
import { configText } from '../../src/git/config-file.ts'
import type { ConfigSetting } from '../../src/git/config-file.ts'
import { pushConfig } from '../../src/git/push-config.ts'
import type { OwnSettings } from '../../src/git/push-config.ts'
import { SeededRandom } from '@sluice/shared/testing/seeded-random'

const defaults = { fsckObjects: true, packThreads: 2, fsyncMethod: 'fsync' as const, reflogs: true }
const limits = { maxInputBytes: 1000, denyForce: true, hooksPath: '/hooks' }

function configured(own: Record<string, string | null>, more = {}) {
  const settings: OwnSettings = new Map(Object.entries(own))
  const { file, overrides } = pushConfig({ ...defaults, ...more }, limits, settings)
  const textOf = (list: ConfigSetting[]) => list.map(([name, value]) => `${name}=${value}`)
  return { file: textOf(file), overrides: textOf(overrides) }
}

test('a repository without settings of its own adds nothing to git’s command line', () => {
  const { file, overrides } = configured({})
  assert.deepEqual(overrides, [])
  assert.deepEqual(file, [
    'safe.directory=*',
    'pack.threads=2',
    'core.filesRefLockTimeout=5000',
    'core.packedRefsTimeout=5000',
    'core.fsync=loose-object,reference',
    'core.fsyncMethod=fsync',
    'receive.fsck.badTimezone=ignore',
    'receive.fsck.missingSpaceBeforeDate=ignore',
    'receive.fsck.zeroPaddedFilemode=ignore',
    'core.logAllRefUpdates=always',
    'receive.fsckObjects=true',
    'receive.autogc=false',
    'receive.denyNonFastForwards=true',
    'core.useReplaceRefs=false',
    'receive.maxInputSize=1000',
    'receive.unpackLimit=1',
    'transfer.unpackLimit=1',
    'core.hooksPath=/hooks',
  ])
})

test('limits go on the command line if the repository says otherwise, and only then', () => {
  const loose = { 'receive.autogc': 'yes', 'receive.denynonfastforwards': '0', 'core.usereplacerefs': null }
  assert.deepEqual(configured(loose).overrides, [
    'receive.autogc=false',
    'receive.denyNonFastForwards=true',
    'core.useReplaceRefs=false',
  ])
  const unpacking = configured({ 'receive.unpacklimit': '100', 'transfer.unpacklimit': '1' })
  assert.deepEqual(unpacking.overrides, ['receive.unpackLimit=1'])
  const strict = { 'receive.autogc': 'off', 'receive.denynonfastforwards': null, 'core.usereplacerefs': 'No' }
  assert.deepEqual(configured(strict).overrides, [])
  // Values that git would not understand, or would read in its own way.
  assert.deepEqual(configured({ 'receive.autogc': 'perhaps' }).overrides, ['receive.autogc=false'])
  assert.deepEqual(configured({ 'core.hookspath': '/hooks' }).overrides, ['core.hooksPath=/hooks'])
})

test('of two limits on the size of a pack, the smaller counts', () => {
  const overridden = ['receive.maxInputSize=1000']
  for (const [text, expected] of [
    ['999', []],
    ['1000', []],
    ['0x3e7', []],
    ['0777', []],
    ['-1', []],
    ['1001', overridden],
    ['1k', overridden],
    ['2G', overridden],
    ['0', overridden],
    ['0x0', overridden],
    ['00', overridden],
    ['', overridden],
    ['many', overridden],
    [null, overridden],
  ] as const) {
    const { file, overrides } = configured({ 'receive.maxinputsize': text })
    assert.deepEqual(overrides, expected, `receive.maxInputSize=${text}`)
    assert.ok(!file.some((setting) => setting.startsWith('receive.maxInputSize')))
  }
})

test('numbers are read as git reads them', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'config')
  const texts = ['7', '+7', '-7', '1k', '3K', '2m', '1g', '0x10', '0X1fk', '017', '010m', '0', '00', '-0x2']
  await writeFile(file, configText(texts.map((text, index): ConfigSetting => [`a.n${index}`, text])))
  const read = await git(folder.path, ['config', '--file', file, '--type=int', '--get-regexp', '.'])
  for (const [index, line] of read.split('\n').entries()) {
    const value = Number(line.split(' ')[1])
    const text = texts[index] ?? ''
    // The command line has our limit if it is below the repository's, or if the repository's 0 means no limit.
    for (const maxInputBytes of [value, value - 1]) {
      const own: OwnSettings = new Map([['receive.maxinputsize', text]])
      const { overrides } = pushConfig(defaults, { ...limits, maxInputBytes, hooksPath: undefined }, own)
      assert.equal(overrides.length, value === 0 || maxInputBytes < value ? 1 : 0, `${text} and ${maxInputBytes}`)
    }
  }
})

test('a repository decides whether objects are checked, by either name', () => {
  const isIn = (list: string[]) => list.some((setting) => /fsckObjects/.test(setting))
  assert.ok(isIn(configured({}).file))
  assert.ok(!isIn(configured({}, { fsckObjects: false }).file))
  assert.ok(!isIn(configured({ 'transfer.fsckobjects': 'false' }).file))
  assert.ok(!isIn(configured({ 'receive.fsckobjects': 'false' }).file))
})

test('git reads the values that were written', async () => {
  await using folder = await temporaryFolder()
  const random = new SeededRandom(20)
  const alphabet = 'ab\\"\';#=[] \t\n$`é'.split('')
  const values = Array.from({ length: 200 }, () =>
    Array.from({ length: Math.floor(random.next() * 12) }, () => random.pick(alphabet)).join(''),
  )
  const file = join(folder.path, 'config')
  await writeFile(file, configText(values.map((value): ConfigSetting => ['a.Sub.section.key', value])))
  const { stdout } = await tryGit(folder.path, ['config', '--file', file, '--null', '--get-all', 'a.Sub.section.key'])
  assert.deepEqual(stdout.split('\0').slice(0, -1), values)
})
