import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import { chmod, chown, lstat, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { changeFile } from '../../src/files/changed-file.ts'
import { lockFile } from '../../src/files/file-lock.ts'

const addLine = (line: string) => (text: string | undefined) => `${text ?? ''}${line}\n`
const isRoot = process.getuid!() === 0
const needsRoot = isRoot ? false : 'needs root'

test('a changed file keeps its owner, group and mode; a failed change leaves everything as it was', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'a')
  await writeFile(path, 'one\n')
  await chmod(path, 0o640)
  if (isRoot) await chown(path, 1234, 2345)
  assert.equal(await changeFile(path, addLine('two')), undefined)
  const { mode, uid, gid } = await stat(path)
  assert.equal(mode & 0o777, 0o640)
  if (isRoot) assert.deepEqual([uid, gid], [1234, 2345])
  await assert.rejects(
    changeFile(path, () => {
      throw new Error('no')
    }),
    /^Error: no$/,
  )
  assert.equal(await readFile(path, 'utf8'), 'one\ntwo\n')
  assert.deepEqual(await readdir(folder.path), ['a'])
})

test('a new file is for its owner; in a folder of another group, for that group as well', async (t) => {
  await using folder = await temporaryFolder()
  const own = join(folder.path, 'own')
  assert.deepEqual(await changeFile(own, addLine('x')), { mode: 0o600, gid: process.getegid!() })
  assert.equal((await stat(own)).mode & 0o777, 0o600)
  if (!isRoot) return t.skip('the rest needs root')
  const shared = join(folder.path, 'shared')
  await mkdir(shared)
  await chown(shared, 0, 2345)
  assert.deepEqual(await changeFile(join(shared, 'a'), addLine('x')), { mode: 0o640, gid: 2345 })
  const { mode, uid, gid } = await stat(join(shared, 'a'))
  assert.deepEqual([mode & 0o777, uid, gid], [0o640, 0, 2345])
})

test('no change is lost, however many are made at once, and by whatever program', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'a')
  const lines = Array.from({ length: 40 }, (_, n) => `line ${n}`)
  await Promise.all(lines.map((line) => changeFile(path, addLine(line))))
  assert.deepEqual((await readFile(path, 'utf8')).split('\n').filter(Boolean).toSorted(), lines.toSorted())

  // An editor knows nothing of the lock.
  let isEdited = false
  await changeFile(path, (text) => {
    if (!isEdited) {
      writeFileSync(`${path}~`, 'edited\n')
      renameSync(`${path}~`, path)
    }
    isEdited = true
    return addLine('last')(text)
  })
  assert.equal(await readFile(path, 'utf8'), 'edited\nlast\n')

  const made = join(folder.path, 'made')
  await changeFile(made, (text) => {
    if (text === undefined) writeFileSync(made, 'made\n')
    return addLine('last')(text)
  })
  assert.equal(await readFile(made, 'utf8'), 'made\nlast\n')
})

test('what cannot be replaced is refused in words, and stays', async () => {
  await using folder = await temporaryFolder()
  const at = (name: string) => join(folder.path, name)
  await writeFile(at('real'), 'x')
  await symlink('real', at('link'))
  await symlink('nothing', at('dangling'))
  await mkdir(at('folder'))
  await writeFile(at('latin1'), Buffer.from([0x61, 0xe9, 0x0a]))
  await writeFile(at('large'), ' '.repeat(16 * 1024 * 1024 + 1))
  for (const [name, problem] of [
    ['link', /link is a symbolic link to real\. .*Nothing was changed/],
    ['dangling', /dangling is a symbolic link to nothing/],
    ['folder', /folder is no file/],
    ['latin1', /latin1 is not UTF-8 text/],
    ['large', /large may have at most 16777216 bytes/],
    ['none/a', /There is no folder .*none: make it first\. Nothing was changed/],
    ['real/a', /real is no folder/],
    ['n'.repeat(300), /is too long/],
  ] as const) {
    await assert.rejects(changeFile(at(name), addLine('y')), problem, name)
  }
  assert.equal(await readFile(at('real'), 'utf8'), 'x')
  assert.ok((await lstat(at('link'))).isSymbolicLink())
  assert.deepEqual(
    (await readdir(folder.path)).filter((name) => name.startsWith('.')),
    [],
  )
})

test('somebody without rights is told so', { skip: needsRoot }, async () => {
  await using folder = await temporaryFolder()
  await chmod(folder.path, 0o777)
  const path = join(folder.path, 'a')
  await writeFile(path, 'x')
  await chmod(path, 0o666)
  const { stderr } = await changeInProcess(path, { uid: 65534, gid: 65534 })
  assert.match(stderr, /belongs to the user 0 and the group 0, and only they or root can keep it so/)
  await chmod(path, 0o644)
  assert.match((await changeInProcess(path, { uid: 65534, gid: 65534 })).stderr, /You may not write to .*\/a/)
  assert.equal(await readFile(path, 'utf8'), 'x')
})

test('a command that is killed leaves the file whole, no lock, and a file that the next ones remove', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'a')
  await writeFile(path, 'one\n')
  // It stops where the new file is written, and not in place yet.
  const child = spawn(process.execPath, [stopsInTheMiddle, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(createInterface({ input: child.stdout }), 'line')
  const waiting = changeFile(path, addLine('two'))
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
  await waiting
  assert.equal(await readFile(path, 'utf8'), 'one\ntwo\n')
  const left = (await readdir(folder.path)).filter((name) => name.startsWith('.sluice-'))
  assert.equal(left.length, 1)
  const longAgo = new Date(Date.now() - 3_600_000)
  await utimes(join(folder.path, left[0]!), longAgo, longAgo)
  await changeFile(path, addLine('three'))
  assert.deepEqual(await readdir(folder.path), ['a'])
})

test('a lock that is held for too long is given up in words', async (t) => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'a')
  const child = spawn(process.execPath, [stopsInTheMiddle, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  await once(createInterface({ input: child.stdout }), 'line')
  await assert.rejects(lockFile(path, 10), /Another command has been changing .*a for more than 0\.01 seconds/)
})

const stopsInTheMiddle = fileURLToPath(new URL('stops-in-the-middle.ts', import.meta.url))

async function changeInProcess(path: string, who: { uid: number; gid: number }): Promise<{ stderr: string }> {
  // The sources may lie where this user cannot read them.
  const code = `const { changeFile } = await import(${JSON.stringify(new URL('../../src/files/changed-file.ts', import.meta.url).href)})
process.setgid(${who.gid})
process.setuid(${who.uid})
await changeFile(${JSON.stringify(path)}, (text) => text + 'y')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    ...who,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  await once(child, 'close')
  return { stderr }
}
