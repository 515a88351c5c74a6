import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { verify } from '@node-rs/argon2'
import { verify as verifyBcrypt } from '@node-rs/bcrypt'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { SeededRandom } from '@sluice/shared/testing/seeded-random'
import { addUser, changePassword, removeUser } from '../../src/passwords/change-users.ts'
import { hashPassword, problemOfNewPassword } from '../../src/passwords/new-hash.ts'
import { problemOfNewName } from '../../src/passwords/new-user-name.ts'
import { readPasswordFile } from '../../src/passwords/password-file.ts'

const hash = `$2y$05$${'a'.repeat(53)}`
const other = `$2y$05$${'b'.repeat(53)}`

/** A random file that is right, with comments, empty lines, either ending of lines, and no ending in the last one. */
function randomFile(random: SeededRandom): { text: string; users: string[] } {
  const ending = random.pick(['\n', '\r\n'])
  const users = ['ann', 'ben', 'a n n', 'ännchen', 'x'.repeat(256), '$2y$05', '..', 'users2', '.*', '-n'].filter(() =>
    random.chance(0.5),
  )
  const lines = users.flatMap((user) => [
    ...random.pick([[], [], [''], ['# a comment'], [`#${user}:${other}`], ['  ']]),
    `${user}:${hash}${random.pick(['', '', ' '])}`,
  ])
  const text = lines.map((line) => line + ending).join('')
  return { text: random.chance(0.3) ? text.replace(/\r?\n$/, '') : text, users }
}

test('whatever is in a file, a change touches one line, and what was there stays', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'htpasswd')
  for (let seed = 0; seed < 60; seed++) {
    const { text, users } = randomFile(new SeededRandom(seed))
    await writeFile(path, text)
    await addUser(path, 'new', hash)
    const added = await readFile(path, 'utf8')
    assert.ok(added.startsWith(text), `${seed}`)
    assert.match(added.slice(text.length), /^(?:\r?\n)?new:[!-~]+\r?\n$/)
    assert.deepEqual([...readPasswordFile(added, 'f').keys()], [...users, 'new'])
    assert.ok(!added.includes('\r') || !/[^\r]\n/.test(added), 'one kind of endings')

    for (const user of users) {
      const before = await readFile(path, 'utf8')
      await changePassword(path, user, other)
      const after = await readFile(path, 'utf8')
      const [linesBefore, linesAfter] = [before.split('\n'), after.split('\n')]
      assert.equal(linesAfter.length, linesBefore.length)
      const changed = linesBefore.filter((line, index) => line !== linesAfter[index])
      assert.deepEqual(
        changed.map((line) => line.split(':')[0]),
        [user],
      )
      assert.equal(readPasswordFile(after, 'f').get(user)?.text, other)
    }
    await removeUser(path, 'new')
    for (const user of users) await removeUser(path, user)
    const isKept = (line: string) => line.trim() === '' || line.startsWith('#')
    const rest = await readFile(path, 'utf8')
    assert.deepEqual(rest.split(/\r?\n/).filter(Boolean), text.split(/\r?\n/).filter(Boolean).filter(isKept))
  }
})

test('two at once do not lose each other’s users', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'htpasswd')
  const names = Array.from({ length: 20 }, (_, n) => `user${n}`)
  const made = await Promise.all(names.map((name) => addUser(path, name, hash)))
  assert.equal(made.filter((file) => file !== undefined).length, 1)
  assert.deepEqual([...readPasswordFile(await readFile(path, 'utf8'), 'f').keys()].toSorted(), names.toSorted())
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  const twice = await Promise.allSettled([addUser(path, 'twice', hash), addUser(path, 'twice', other)])
  assert.deepEqual(twice.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
})

test('a file with a fault, a user who is there and one who is not are refused, and nothing is changed', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'htpasswd')
  await assert.rejects(removeUser(path, 'ann'), /There is no file .*htpasswd: "sluice user add" makes it/)
  await assert.rejects(changePassword(path, 'ann', hash), /There is no file/)
  await writeFile(path, `ann:${hash}\n`)
  await assert.rejects(addUser(path, 'ann', hash), /There is a user "ann" in .*"sluice user passwd"/)
  await assert.rejects(removeUser(path, 'an'), /There is no user "an" in /)
  await assert.rejects(changePassword(path, 'ann:', hash), /There is no user "ann:" in /)
  await writeFile(path, `ann:${hash}\nbroken\n`)
  await assert.rejects(addUser(path, 'ben', hash), /Mend the file first: line 2 of .*htpasswd is not of the form/)
  assert.equal(await readFile(path, 'utf8'), `ann:${hash}\nbroken\n`)
})

test('names that the files could not hold, or that mean something else, are no names of new users', () => {
  for (const name of [
    'ann',
    'Ännchen',
    'a b',
    'ann@example.org',
    "o'neil",
    '-n',
    '..',
    'user',
    '名前',
    'x'.repeat(256),
  ]) {
    assert.equal(problemOfNewName(name), undefined, name)
  }
  const token = `sluice_12345678_${'a'.repeat(49)}`
  for (const name of [
    '',
    'anyone',
    'users',
    'a:b',
    '#ann',
    '@team',
    ' ann',
    'ann ',
    'a\nb',
    'a\0',
    '\u0085',
    '\ud800',
    'x'.repeat(257),
    token,
  ]) {
    assert.ok(problemOfNewName(name), JSON.stringify(name))
  }
})

test('new hashes are of the kind that was asked for, and the gateway takes them', async () => {
  const [argon2id, bcrypt] = await Promise.all([
    hashPassword('pässword', 'argon2id'),
    hashPassword('pässword', 'bcrypt'),
  ])
  const passwords = readPasswordFile(`ann:${argon2id}\nben:${bcrypt}`, 'f')
  assert.deepEqual(
    [...passwords.values()].map(({ kind }) => kind),
    ['argon2id', 'bcrypt'],
  )
  assert.match(argon2id, /^\$argon2id\$v=19\$m=65536,t=3,p=4\$/)
  assert.equal(await verify(argon2id, 'pässword'), true)
  assert.equal(await verifyBcrypt('pässword', bcrypt), true)
  assert.notEqual(await hashPassword('pässword', 'argon2id'), argon2id)
})

test('passwords that clients could not send, or that protect nothing, are refused without being quoted', () => {
  const long = 'é'.repeat(40)
  assert.equal(problemOfNewPassword(long, 'argon2id'), undefined)
  assert.match(problemOfNewPassword(long, 'bcrypt')!, /first 72 bytes/)
  for (const password of ['', 'secret1', 'secret\nsecret', 'secret-\0-secret', 'x'.repeat(1025), `half\ud800aaaa`]) {
    const problem = problemOfNewPassword(password, 'argon2id')
    assert.ok(problem, JSON.stringify(password))
    assert.ok(password === '' || !problem.includes(password))
  }
})
