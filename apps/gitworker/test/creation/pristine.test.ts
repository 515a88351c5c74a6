import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { appendFile, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import { NewFolders } from '../../src/creation/new-folders.ts'
import { hiddenBeside, takeBack, takeBackLater } from '../../src/creation/take-back.ts'
import { conditionOf, contentsOf } from '../../src/creation/pristine.ts'

/** When a repository that was created for a push may be removed again, and when it must stay. */

async function newRepository() {
  const folder = await temporaryFolder()
  const bare = join(folder.path, 'new.git')
  await git(folder.path, ['init', '--quiet', '--bare', '--template=', bare])
  const note = { target: bare, hidden: hiddenBeside(bare), folders: [], made: contentsOf(bare) }
  return { bare, note, noteFile: join(folder.path, 'note'), [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

const id = 'a'.repeat(38)

const changes = [
  { what: 'nothing', change: async () => {}, condition: 'pristine' },
  { what: 'its own rename', change: (bare: string) => rename(bare, bare), condition: 'pristine' },
  {
    what: 'an empty folder of a reference',
    change: (bare: string) => mkdir(join(bare, 'refs/heads/x')),
    condition: 'pristine',
  },
  {
    what: 'an empty folder of objects',
    change: (bare: string) => mkdir(join(bare, 'objects/ab')),
    condition: 'pristine',
  },
  {
    what: 'objects',
    change: (bare: string) => git(bare, ['hash-object', '-w', '--stdin'], { input: 'x' }),
    condition: 'objects',
  },
  {
    what: 'a pack',
    change: (bare: string) => writeFile(join(bare, `objects/pack/pack-${id}aa.pack`), ''),
    condition: 'objects',
  },
  { what: 'a lock', change: (bare: string) => writeFile(join(bare, 'packed-refs.lock'), ''), condition: 'unsure' },
  {
    what: 'a lock of a reference',
    change: (bare: string) => writeFile(join(bare, 'refs/heads/x.lock'), ''),
    condition: 'unsure',
  },
  {
    what: 'a kept pack',
    change: (bare: string) => writeFile(join(bare, `objects/pack/pack-${id}aa.keep`), ''),
    condition: 'unsure',
  },
  {
    what: 'a quarantine',
    change: (bare: string) => mkdir(join(bare, 'objects/tmp_objdir-incoming-ab')),
    condition: 'unsure',
  },
  {
    what: 'a temporary list of shallow commits',
    change: (bare: string) => writeFile(join(bare, 'shallow_g8yAQp'), ''),
    condition: 'unsure',
  },
  {
    what: 'a temporary object',
    change: (bare: string) => writeFile(join(bare, 'objects/tmp_obj_ab'), ''),
    condition: 'unsure',
  },
  { what: 'references', change: (bare: string) => importHistory(bare, 1), condition: 'used' },
  { what: 'a changed config', change: (bare: string) => appendFile(join(bare, 'config'), ' '), condition: 'used' },
  {
    what: 'a config written anew, the same',
    change: (bare: string) => git(bare, ['config', 'core.bare', 'true']),
    condition: 'used',
  },
  {
    what: 'a HEAD set anew',
    change: (bare: string) => git(bare, ['symbolic-ref', 'HEAD', 'refs/heads/main']),
    condition: 'used',
  },
  { what: 'a hook', change: (bare: string) => mkdir(join(bare, 'hooks')), condition: 'used' },
  {
    what: 'an alternate',
    change: (bare: string) => writeFile(join(bare, 'objects/info/alternates'), ''),
    condition: 'used',
  },
  {
    what: 'a graph of commits',
    change: (bare: string) => writeFile(join(bare, 'objects/info/commit-graph'), ''),
    condition: 'used',
  },
  { what: 'something that is missing', change: (bare: string) => rm(join(bare, 'config')), condition: 'used' },
  { what: 'its end', change: (bare: string) => rm(bare, { recursive: true }), condition: 'used' },
] as const
for (const { what, change, condition } of changes) {
  test(`after ${what} a new repository is ${condition}`, async () => {
    await using repository = await newRepository()
    const { bare, note, noteFile } = repository
    await change(bare)
    assert.equal(conditionOf(bare, note.made), condition)
    const before = existsSync(bare) && contentsOf(bare)
    assert.equal(await takeBack(noteFile, note), condition === 'pristine')
    if (condition !== 'pristine') assert.deepEqual(existsSync(bare) && contentsOf(bare), before)
    else assert.equal(existsSync(bare), false)
    assert.deepEqual(
      (await readdir(join(bare, '..'))).filter((name) => name.endsWith('.lock')),
      [],
    )
  })
}

/** Creates and removes files, as a push does with its quarantine and the lock of a reference. */
const comesAndGoes = `
  const { mkdirSync, rmSync, writeFileSync } = require('node:fs')
  const { parentPort, workerData: bare } = require('node:worker_threads')
  for (let round = 0; ; round++) {
    const quarantine = bare + '/objects/tmp_objdir-incoming-' + round
    mkdirSync(quarantine + '/pack', { recursive: true })
    writeFileSync(quarantine + '/pack/tmp_pack_x', '')
    rmSync(quarantine, { recursive: true })
    writeFileSync(bare + '/refs/heads/x.lock', '')
    rmSync(bare + '/refs/heads/x.lock')
    if (round === 0) parentPort.postMessage('it has begun')
  }`

test('files that other pushes create and remove meanwhile do not make a new repository look used', async () => {
  await using repository = await newRepository()
  const { bare, note } = repository
  const pushes = new Worker(comesAndGoes, { eval: true, workerData: bare })
  try {
    await once(pushes, 'message')
    const seen = new Set<string>()
    for (let looks = 0; looks < 2000; looks++) seen.add(conditionOf(bare, note.made))
    await until('it to be seen with such files, and without', () => {
      seen.add(conditionOf(bare, note.made))
      return seen.size >= 2
    })
    assert.deepEqual([...seen].toSorted(), ['pristine', 'unsure'])
  } finally {
    await pushes.terminate()
  }
})

test('a repository in which a process works stays', async () => {
  await using repository = await newRepository()
  const { bare, note, noteFile } = repository
  const here = process.cwd()
  process.chdir(join(bare, 'objects'))
  try {
    assert.equal(await takeBack(noteFile, note), false)
  } finally {
    process.chdir(here)
  }
  assert.equal(await takeBack(noteFile, note), true)
})

/** Each starts a git, as an operator would, that has not written anything yet. */
const operators = {
  'its whole name': (bare: string) => ({ args: ['--git-dir', bare], cwd: '/', env: {} }),
  'a name from another folder': (bare: string) => ({
    args: [`--git-dir=${basename(bare)}`],
    cwd: dirname(bare),
    env: {},
  }),
  'a variable': (bare: string) => ({ args: [], cwd: '/', env: { GIT_DIR: bare } }),
  'a variable with a name from another folder': (bare: string) => ({
    args: [],
    cwd: dirname(bare),
    env: { GIT_DIR: `./${basename(bare)}` },
  }),
  'a name through a link': (bare: string) => ({
    args: [`--git-dir=../link/${basename(bare)}`],
    cwd: dirname(bare),
    env: {},
  }),
}
for (const [how, start] of Object.entries(operators)) {
  test(`a repository that an operator’s git uses through ${how} stays`, async () => {
    await using repository = await newRepository()
    const { bare, note, noteFile } = repository
    await using links = await temporaryFolder()
    await symlink(dirname(bare), join(links.path, 'link'))
    const { args, cwd, env } = start(bare)
    const operator = spawn('git', [...args.map((arg) => arg.replace('..', links.path)), 'update-ref', '--stdin'], {
      cwd,
      env: { PATH: process.env['PATH'], ...env },
    })
    const gone = once(operator, 'close')
    try {
      operator.stdin.write('start\n')
      // git has opened it by now.
      await once(operator.stdout, 'data')
      assert.equal(await takeBack(noteFile, note), false)
    } finally {
      operator.stdin.end()
      await gone
    }
    assert.equal(await takeBack(noteFile, note), true)
  })
}

test('whenever its supervisor is killed, the next one removes repositories that were made in vain, and nothing else', async () => {
  for (const at of ['unfinished', 'whole', 'named', 'hidden to be looked at', 'half removed'] as const) {
    for (const isUsed of [false, true]) {
      await using repository = await newRepository()
      const { bare, note, noteFile } = repository
      const { made: _made, ...unmade } = note
      if (isUsed) await git(bare, ['config', 'some.thing', 'true'])
      if (at !== 'named') await rename(bare, note.hidden)
      if (at === 'half removed') await rm(join(note.hidden, 'config'))
      const isGarbage = at === 'unfinished' || at === 'half removed'
      assert.equal(
        await takeBackLater(noteFile, isGarbage ? unmade : note, false),
        isGarbage || !isUsed,
        `${at} ${isUsed}`,
      )
      assert.equal(existsSync(note.hidden), false)
      assert.equal(existsSync(bare), isUsed && !isGarbage)
    }
  }
})

test('where other hosts use the same root, the next supervisor removes nothing that has its name', async () => {
  for (const at of ['unfinished', 'whole', 'named', 'hidden to be looked at', 'half removed'] as const) {
    await using repository = await newRepository()
    const { bare, note, noteFile } = repository
    const { made: _made, ...unmade } = note
    if (at !== 'named') await rename(bare, note.hidden)
    if (at === 'half removed') await rm(join(note.hidden, 'config'))
    const isGarbage = at === 'unfinished' || at === 'half removed'
    // What is still hidden, and was not used, nobody has ever seen.
    const goes = at !== 'named'
    assert.equal(await takeBackLater(noteFile, isGarbage ? unmade : note, true), goes, at)
    assert.equal(existsSync(note.hidden), false)
    assert.equal(existsSync(bare), !goes, at)
  }
})

test('folders that were made for repositories are removed with the last of these; older ones stay', async () => {
  await using folder = await temporaryFolder()
  const path = (name: string) => join(folder.path, name)
  await mkdir(path('a'))
  const folders = new NewFolders()
  assert.deepEqual(folders.makeAbove(path('a/b/c/d.git')), [path('a/b'), path('a/b/c')])
  const second = folders.makeAbove(path('a/b/e.git'))
  assert.deepEqual(second, [path('a/b')])
  folders.release([path('a/b'), path('a/b/c')])
  assert.deepEqual(folders.makeAbove(path('a/b/f.git')), [path('a/b')])
  folders.keep(second)
  assert.deepEqual(folders.makeAbove(path('a/b/g.git')), [])
})

test('a hidden name is a valid file name, ends in .lock, and is unique', () => {
  for (const name of [
    'a.git',
    'n'.repeat(244),
    'é'.repeat(122),
    `x${'é'.repeat(121)}`,
    '日'.repeat(81),
    '😀'.repeat(61),
  ]) {
    const hidden = hiddenBeside(`/root/${name}`)
    const [, beginning = '', uuid] = /^\/root\/(.+)\.([0-9a-f-]{36})\.lock$/.exec(hidden) ?? []
    assert.ok(uuid !== undefined && name.startsWith(beginning), hidden)
    assert.ok(Buffer.byteLength(hidden) - '/root/'.length <= 255)
    assert.ok(Buffer.byteLength(hidden) - '/root/'.length > 210 || beginning === name)
    assert.notEqual(hiddenBeside(`/root/${name}`), hidden)
  }
})
