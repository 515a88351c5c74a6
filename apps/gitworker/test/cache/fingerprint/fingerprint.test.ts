import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { fingerprintOf } from '../../../src/cache/fingerprint/fingerprint.ts'
import type { Scope } from '../../../src/cache/fingerprint/fingerprint.ts'
import { untilClockTicks } from '../../support/clock-tick.ts'

const [one, two] = ['1'.repeat(40), '2'.repeat(40)]

/** The files that git makes, as far as they matter here. Names of folders end in a slash. */
const plain = {
  'HEAD': 'ref: refs/heads/main\n',
  'config': '[core]\n\trepositoryformatversion = 0\n\tbare = true\n',
  'packed-refs': `# pack-refs with: peeled fully-peeled sorted \n${one} refs/heads/packed\n`,
  'objects/info/': '',
  'objects/pack/': '',
  'refs/heads/main': `${one}\n`,
  'refs/heads/team/topic': `${one}\n`,
  'refs/tags/': '',
}

const reftable = {
  ...plain,
  'config': '[core]\n\trepositoryformatversion = 1\n[extensions]\n\trefStorage = reftable\n',
  'reftable/tables.list': '0x000000000001-0x000000000002-c1f9a2ab.ref\n',
}

function taken(gitDir: string, scope: Scope = 'refs') {
  const fingerprint = fingerprintOf(gitDir, scope)
  if (!fingerprint) throw new Error('no fingerprint can be taken')
  return fingerprint
}

const longAgo = 1_000_000_000

async function repository(files: Readonly<Record<string, string>>) {
  const folder = await temporaryFolder()
  const gitDir = join(folder.path, 'r.git')
  const path = (name: string) => join(gitDir, name)
  const write = (name: string, text: string) => {
    fs.mkdirSync(name.endsWith('/') ? path(name) : join(path(name), '..'), { recursive: true })
    if (!name.endsWith('/')) fs.writeFileSync(path(name), text)
  }
  for (const [name, text] of Object.entries(files)) write(name, text)
  if ('refs/heads/main' in files) fs.utimesSync(path('refs/heads/main'), longAgo, longAgo)
  await untilClockTicks(folder.path)
  return { folder: folder.path, gitDir, path, write, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

type TestRepository = Awaited<ReturnType<typeof repository>>
type Change = (r: TestRepository) => void

const rename = (from: string, to: string) => (r: TestRepository) => fs.renameSync(r.path(from), r.path(to))
const remove = (name: string) => (r: TestRepository) => fs.rmSync(r.path(name), { recursive: true })
const write =
  (name: string, text = '') =>
  (r: TestRepository) =>
    r.write(name, text)
const replace = (name: string, text: string) => (r: TestRepository) => {
  r.write(`${name}.lock`, text)
  fs.renameSync(r.path(`${name}.lock`), r.path(name))
}

const noticed: Readonly<Record<string, Change>> = {
  'HEAD points elsewhere': replace('HEAD', 'ref: refs/heads/next\n'),
  'HEAD is rewritten in place, as long as it was': write('HEAD', 'ref: refs/heads/mean\n'),
  'the configuration changes': write('config', `${plain.config}[transfer]\n\thideRefs = refs/heads\n`),
  'a work tree gets a configuration of its own': write('config.worktree', '[core]\n'),
  'it becomes part of another repository': write('commondir', '../other.git\n'),
  'packed-refs is replaced': replace('packed-refs', `${two} refs/heads/packed\n`),
  'packed-refs is rewritten in place': write('packed-refs', plain['packed-refs'].replace(one, two)),
  'packed-refs goes': remove('packed-refs'),
  'a ref is replaced': replace('refs/heads/main', `${two}\n`),
  'a ref is rewritten in place': write('refs/heads/main', `${two}\n`),
  'a ref is rewritten in place and given its former time': (r) => {
    r.write('refs/heads/main', `${two}\n`)
    fs.utimesSync(r.path('refs/heads/main'), longAgo, longAgo)
  },
  'a ref deeper down is rewritten in place': write('refs/heads/team/topic', `${two}\n`),
  'a ref comes': write('refs/tags/v1', `${two}\n`),
  'a ref comes deeper down': write('refs/heads/team/other', `${two}\n`),
  'a ref comes beside the usual folders': write('refs/stash', `${two}\n`),
  'a ref goes': remove('refs/heads/team/topic'),
  'a ref is renamed': rename('refs/heads/main', 'refs/heads/next'),
  'a folder of refs is renamed': rename('refs/heads/team', 'refs/heads/crew'),
  'a folder of refs goes': remove('refs/heads/team'),
  'a lock becomes a ref': (r) => fs.linkSync(r.path('refs/heads/main'), r.path('refs/heads/copy')),
  'history becomes shallow': write('shallow', `${one}\n`),
  'objects of others are used': write('objects/info/alternates', '/other.git/objects\n'),
  'a pack comes': write('objects/pack/pack-1.pack', 'PACK'),
  'loose objects of a new kind come': write('objects/ab/cdef', 'blob'),
  'permissions change': (r) => fs.chmodSync(r.path('packed-refs'), 0o600),
  'all of it goes': (r) => fs.rmSync(r.gitDir, { recursive: true }),
}

for (const [what, change] of Object.entries(noticed)) {
  test(`it is noticed that ${what}`, async () => {
    await using r = await repository(plain)
    using before = taken(r.gitDir)
    assert.ok(before.stands())
    change(r)
    assert.equal(before.stands(), false)
  })
}

test('changes on which answers do not depend are ignored', async () => {
  await using r = await repository(plain)
  using refs = taken(r.gitDir)
  using config = taken(r.gitDir, 'config')
  const others = ['FETCH_HEAD', 'objects/info/packs', 'description', 'logs/HEAD', 'worktrees/wt/HEAD', 'info/grafts']
  for (const name of others) r.write(name, 'x')
  assert.ok(refs.stands())
  r.write('refs/heads/main', `${two}\n`)
  r.write('packed-refs', '')
  assert.ok(config.stands(), 'capabilities do not depend on refs')
  r.write('config', plain.config)
  assert.equal(config.stands(), false)
})

/** A repository that borrows objects from a second one, which borrows from a third. */
const borrowing = {
  ...plain,
  'objects/ab/cdef': 'blob',
  'objects/info/alternates': '# a comment\n\n../../second/objects\n',
  '../second/objects/info/alternates': '../../third/objects/\n',
  '../second/objects/ab/cdef': 'blob',
  '../second/objects/pack/': '',
  '../third/objects/ab/cdef': 'blob',
}

const noticedOfObjects: Readonly<Record<string, Change>> = {
  'a loose object comes': write('objects/ab/0123', 'blob'),
  'a loose object goes': remove('objects/ab/cdef'),
  'a pack comes': write('objects/pack/pack-1.pack', 'PACK'),
  'objects are borrowed no more': remove('objects/info/alternates'),
  'objects are borrowed from elsewhere': write('objects/info/alternates', '../../third/objects\n'),
  'a loose object of a lender goes': remove('../second/objects/ab/cdef'),
  'a pack of a lender comes': write('../second/objects/pack/pack-1.pack', 'PACK'),
  'a lender goes': rename('../second', '../gone'),
  'a lender borrows from nobody': remove('../second/objects/info/alternates'),
  'a loose object of a lender’s lender goes': remove('../third/objects/ab/cdef'),
  'objects are replaced': (r) => {
    fs.cpSync(r.path('objects'), r.path('copy'), { recursive: true, preserveTimestamps: true })
    fs.renameSync(r.path('objects'), r.path('old'))
    fs.renameSync(r.path('copy'), r.path('objects'))
  },
}

for (const scope of ['refs', 'pack'] as const) {
  for (const [what, change] of Object.entries(noticedOfObjects)) {
    test(`it is noticed for ${scope === 'refs' ? 'references' : 'a pack'} that ${what}`, async () => {
      await using r = await repository(borrowing)
      using before = taken(r.gitDir, scope)
      assert.ok(before.stands())
      assert.deepEqual([...before.traits], ['alternates'])
      change(r)
      assert.equal(before.stands(), false)
    })
  }
}

const noticedOfPacks: Readonly<Record<string, Change>> = {
  'the configuration changes': write('config', `${plain.config}[uploadpack]\n\tallowFilter = false\n`),
  'a tag comes': write('refs/tags/v1', `${two}\n`),
  'a tag is rewritten in place': write('refs/tags/old', `${two}\n`),
  'a first replacement comes': write('refs/replace/x', `${two}\n`),
  'refs are packed': replace('packed-refs', `${two} refs/tags/v2\n`),
  'history becomes shallow': write('shallow', `${one}\n`),
  'history is grafted': write('info/grafts', `${one}\n`),
  'a chain of packs has a new index': write('objects/pack/multi-pack-index.d/multi-pack-index-chain', 'x'),
  'history is written down': write('objects/info/commit-graph', 'x'),
  'history is written down in parts': write('objects/info/commit-graphs/commit-graph-chain', 'x'),
  'it is another repository': write('HEAD', 'ref: refs/heads/other\n'),
}

for (const [what, change] of Object.entries(noticedOfPacks)) {
  test(`it is noticed for a pack that ${what}`, async () => {
    await using r = await repository({ ...plain, 'refs/tags/old': `${one}\n` })
    using before = taken(r.gitDir, 'pack')
    assert.ok(before.stands())
    change(r)
    assert.equal(before.stands(), false)
  })
}

test('a pack depends on no branch, however many there are', async () => {
  await using r = await repository(plain)
  for (let count = 0; count < 1200; count++) r.write(`refs/heads/many/${count}`, `${one}\n`)
  using before = taken(r.gitDir, 'pack')
  r.write('refs/heads/main', `${two}\n`)
  assert.ok(before.stands())
  r.write('refs/tags/alias', 'ref: refs/heads/main\n')
  assert.equal(before.stands(), false)
  assert.equal(fingerprintOf(r.gitDir, 'pack'), undefined, 'but for one that a tag stands for')
})

test('a file that can no longer be looked at does not stand', async () => {
  await using r = await repository(plain)
  fs.renameSync(r.path('objects'), r.path('large-disk'))
  fs.symlinkSync('large-disk', r.path('objects'))
  using before = taken(r.gitDir)
  assert.ok(before.stands())
  fs.rmdirSync(r.path('large-disk/info'))
  fs.symlinkSync('info', r.path('large-disk/info'))
  assert.equal(before.stands(), false)
})

test('another repository of the same age in the same place is noticed', async () => {
  await using r = await repository({})
  const times = (folder: string) =>
    fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => {
      const { mtimeNs, ctimeNs } = fs.statSync(join(folder, name), { bigint: true })
      return `${mtimeNs} ${ctimeNs}`
    })
  const [here, there] = [join(r.folder, 'here'), join(r.folder, 'there')]
  const pair = () => {
    for (const name of ['objects/pack', 'refs/heads']) {
      for (const gitDir of [here, there]) fs.mkdirSync(join(gitDir, name), { recursive: true })
    }
    for (const [name, text] of [
      ['HEAD', plain.HEAD],
      ['config', plain.config],
      ['refs/heads/main', `${one}\n`],
    ] as const) {
      for (const gitDir of [here, there]) fs.writeFileSync(join(gitDir, name), text)
    }
    return times(here).join() === times(there).join()
  }
  // Tries to get both within one tick.
  for (let attempt = 0; attempt < 500 && !pair(); attempt++)
    for (const it of [here, there]) fs.rmSync(it, { recursive: true })
  using before = taken(here)
  assert.ok(before.stands())
  fs.renameSync(here, join(r.folder, 'gone'))
  fs.renameSync(there, here)
  assert.equal(before.stands(), false)
})

const uncertain: Readonly<Record<string, Change>> = {
  'a linked work tree': write('commondir', '../..\n'),
  'no HEAD': remove('HEAD'),
  'HEAD as a link': (r) => {
    fs.rmSync(r.path('HEAD'))
    fs.symlinkSync('refs/heads/main', r.path('HEAD'))
  },
  'refs as a link': (r) => {
    fs.renameSync(r.path('refs'), r.path('elsewhere'))
    fs.symlinkSync('elsewhere', r.path('refs'))
  },
  'a ref as a link': (r) => fs.symlinkSync('main', r.path('refs/heads/link')),
  'a folder of refs as a link': (r) => fs.symlinkSync('heads', r.path('refs/remotes')),
  'packed-refs as a link': (r) => {
    rename('packed-refs', 'elsewhere')(r)
    fs.symlinkSync('elsewhere', r.path('packed-refs'))
  },
  'a ref that stands for FETCH_HEAD': write('refs/heads/last', 'ref: FETCH_HEAD\n'),
  "a ref that stands for a work tree's HEAD": (r) => {
    r.write('worktrees/a-very-long-name-too/HEAD', `${one}\n`)
    r.write('refs/heads/its', 'ref: worktrees/a-very-long-name-too/HEAD\n')
  },
  'a name that is not UTF-8': (r) => {
    for (const name of [[0xff], [0xef, 0xbf, 0xbd]]) {
      fs.writeFileSync(Buffer.from([...Buffer.from(r.path('refs/heads/')), ...name]), `${one}\n`)
    }
  },
  'a ref that is empty': write('refs/heads/empty'),
  'a ref that stands for FETCH_HEAD, as long as a hash is': write(
    'refs/heads/last',
    `ref: ${' '.repeat(25)}FETCH_HEAD\n`,
  ),
  'a ref that stands for FETCH_HEAD, padded behind': write('refs/heads/last', `ref: FETCH_HEAD${' '.repeat(25)}\n`),
  'a ref that stands for a name as long as a hash': write('refs/heads/last', `ref: ${'A'.repeat(35)}\n`),
  'a ref that stands for a name as long as a SHA-256 hash': write('refs/heads/last', `ref: ${'A'.repeat(59)}\n`),
  'a ref that says a hash and something else': write('refs/heads/last', `${one}x\n`),
  'a HEAD that stands for what is no ref': write('HEAD', 'ref: FETCH_HEAD\n'),
  'an alternate in quotation marks': write('objects/info/alternates', '"/other.git/objects"\n'),
  'an alternate that is up from what may be a link': write('objects/info/alternates', '/a/../b\n'),
  'alternates as a link': (r) => {
    r.write('elsewhere', '')
    fs.symlinkSync('../../elsewhere', r.path('objects/info/alternates'))
  },
  'a chain of too many alternates': (r) => {
    for (let n = 0; n < 9; n++) {
      const store = n === 0 ? 'objects' : `../${n}`
      r.write(`${store}/info/alternates`, `${r.path(`../${n + 1}`)}\n`)
    }
  },
  'a pack that is a link': (r) => fs.symlinkSync('/elsewhere.pack', r.path('objects/pack/pack-1.pack')),
  'more loose refs than can be looked at': (r) => {
    for (let count = 0; count < 1200; count++) r.write(`refs/heads/many/${count}`, `${one}\n`)
  },
  'an included configuration': write('config', `${plain.config}[include]\n\tpath = other\n`),
  'a configuration included on a condition': write('config', '[IncludeIf "gitdir:/"]\n\tpath = other\n'),
  'a work tree configuration that includes another': write('config.worktree', '[include]\n\tpath = other\n'),
  'a configuration with a continued line': write('config', '[core]\n\tbare = \\\n[extensions]\n\tnoop = 1\n'),
  'an unknown format': write('config', '[core]\n\trepositoryformatversion = 2\n'),
  'an unknown extension': write('config', `${plain.config}[extensions]\n\trefsElsewhere = true\n`),
  'a known extension in an unknown form': write('config', '[extensions] objectFormat = sha256\n'),
  'an unknown extension hidden behind another section': write('config', '[core][extensions] refsElsewhere = true\n'),
  'an unknown extension after a blank': write('config', '[extensions]\n\tnoop = 1\n\n\trefsElsewhere = true\n'),
  'an unknown storage of refs': write('config', '[extensions]\n\trefStorage = reftable:///elsewhere\n'),
  'two storages of refs': write('config', '[extensions]\n\trefStorage = reftable\n\trefStorage = files\n'),
  'a reftable that is not there': write('config', reftable.config),
}

for (const [what, change] of Object.entries(uncertain)) {
  test(`nothing is kept with ${what}`, async () => {
    await using r = await repository(plain)
    change(r)
    assert.equal(fingerprintOf(r.gitDir, 'refs'), undefined)
  })
}

test('known extensions, locks and links to other disks are in order', async () => {
  await using r = await repository({
    ...plain,
    'config':
      '[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = sha256\n\tworktreeConfig = true\n' +
      '[extensions]\n\tpartialClone = origin\n[remote "x"]\n\turl = https://example.org/include-extensions.git\n',
    'refs/heads/main.lock': '',
    'refs/heads/.hidden/x': 'not a ref',
    'refs/remotes/origin/HEAD': 'ref: refs/remotes/origin/main\n',
    'refs/heads/long': `${'a'.repeat(64)}\n`,
  })
  fs.renameSync(r.path('objects'), r.path('large-disk'))
  fs.symlinkSync('large-disk', r.path('objects'))
  using fingerprint = taken(r.gitDir)
  assert.deepEqual([...fingerprint.traits], ['promisor'])
})

test('a trait that makes some answers uncacheable is reported', async () => {
  await using r = await repository(plain)
  r.write('config', '[transfer]\n\tadvertiseSID\n[receive]\n\tCertNonceSeed = x\n')
  r.write('objects/info/alternates', '/other.git/objects\n')
  using refs = taken(r.gitDir)
  using config = taken(r.gitDir, 'config')
  assert.deepEqual([...refs.traits], ['session-id', 'push-certificate', 'alternates'])
  assert.deepEqual([...config.traits], ['session-id', 'push-certificate'])
})

test('a file or folder that has just changed, or has a time in the future, is too new', async () => {
  await using r = await repository(plain)
  const now = Date.now()
  // Long before its files were made, however slow this machine is.
  const tooNew = now - 3_600_000
  assert.equal(fingerprintOf(r.gitDir, 'refs', tooNew), undefined)
  assert.ok(fingerprintOf(r.gitDir, 'refs', now + 60_000))
  // Any mtime can be given to a file, but no ctime.
  const topic = r.path('refs/heads/team/topic')
  fs.utimesSync(topic, now / 1000 + 86_400, now / 1000 + 86_400)
  assert.equal(fingerprintOf(r.gitDir, 'refs', now + 60_000), undefined)
  assert.ok(fingerprintOf(r.gitDir, 'config', now + 60_000))
  const all = fs.readdirSync(r.gitDir, { recursive: true, encoding: 'utf8' })
  for (const name of all) fs.utimesSync(r.path(name), longAgo, longAgo)
  assert.equal(fingerprintOf(r.gitDir, 'refs', tooNew), undefined)
})

test('a file with a time finer than a millisecond is old enough sooner', async () => {
  await using r = await repository(plain)
  const stamps = ['HEAD', 'refs/heads/main'].map((name) => fs.statSync(r.path(name), { bigint: true }).ctimeNs)
  if (stamps.every((stamp) => stamp % 1_000_000n === 0n)) return
  const [tooNew, oldEnough] = [Date.now() - 3_600_000, Date.now() + 60_000]
  assert.ok(fingerprintOf(r.gitDir, 'refs', tooNew, oldEnough))
  assert.equal(fingerprintOf(r.gitDir, 'refs', oldEnough, tooNew), undefined)
})

test('with reftable, the list of tables counts, and is held open', async () => {
  await using r = await repository(reftable)
  const held = () =>
    fs.readdirSync('/proc/self/fd').filter((fd) => {
      const target = fs.existsSync(`/proc/self/fd/${fd}`) ? fs.readlinkSync(`/proc/self/fd/${fd}`) : ''
      return target.startsWith(r.path('reftable/tables.list'))
    }).length
  const before = taken(r.gitDir)
  assert.ok(before.stands())
  assert.equal(held(), 1)
  r.write('refs/heads/ignored', `${two}\n`)
  assert.ok(before.stands())
  replace('reftable/tables.list', reftable['reftable/tables.list'].replace('2', '3'))(r)
  assert.equal(before.stands(), false)
  assert.equal(held(), 1)
  before[Symbol.dispose]()
  assert.equal(held(), 0)
  await setTimeout(20)
  const now = Date.now()
  await setTimeout(20)
  r.write('reftable/tables.list', '')
  assert.equal(fingerprintOf(r.gitDir, 'refs', now), undefined)
  assert.equal(held(), 0, 'nothing is left open of what was too new')
})
