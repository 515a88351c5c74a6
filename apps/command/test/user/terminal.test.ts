import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { verify } from '@node-rs/argon2'
import { readPasswordFile } from '@sluice/access/passwords/password-file'
import { until } from '@sluice/shared/testing/until'
import { accessFolder } from '../support/access-folder.ts'

/** The command on a terminal of its own, which script(1) of util-linux makes. */

const sluice = fileURLToPath(new URL('../../bin/sluice', import.meta.url))
const skip = spawnSync('script', ['--version']).status === 0 ? false : 'needs script(1)'

/** Types each text when the prompt before it is there. @returns all that the terminal has shown, and the exit code */
async function typeInto(env: Record<string, string>, argv: string, texts: readonly string[]) {
  const child = spawn('script', ['--quiet', '--return', '--command', `${sluice} ${argv}`, '/dev/null'], {
    env: { ...env, PATH: process.env['PATH'], NO_COLOR: '1', SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let shown = ''
  child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()))
  const closed = once(child, 'close') as Promise<[number]>
  for (const [index, text] of texts.entries()) {
    await until('the prompt', () => (shown.match(/: /g) ?? []).length > index)
    child.stdin.write(text)
  }
  const [code] = await closed
  return { code, shown }
}

test('a password is typed twice, and the terminal does not show it', { skip }, async () => {
  await using folder = await accessFolder()
  const typed = ['wrong\u0015pässword\u001b[Dx\u007f1\r', 'pässword1\n']
  const { code, shown } = await typeInto(folder.env, 'user add ann', typed)
  assert.equal(code, 0, shown)
  assert.match(shown, /^New password of ann: \r\nThe same again: \r\nAdded ann to /)
  assert.ok(!shown.includes('ssword1') && !shown.includes('wrong'), shown)
  const passwords = readPasswordFile(await readFile(folder.passwords, 'utf8'), 'f')
  assert.equal(await verify(passwords.get('ann')!.text, 'pässword1'), true)
})

test('two passwords that differ, and Ctrl-C, change nothing', { skip }, async () => {
  await using folder = await accessFolder()
  const differ = await typeInto(folder.env, 'user add ann', ['password1\r', 'password2\r'])
  assert.equal(differ.code, 1)
  assert.match(differ.shown, /error: The two passwords differ: nothing was changed\./)
  const ended = await typeInto(folder.env, 'user add ann', ['pass\u0003'])
  assert.equal(ended.code, 1)
  assert.match(ended.shown, /error: No password was given: nothing was changed\./)
  await assert.rejects(readFile(folder.passwords), /ENOENT/)
})
