import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { patienceMs } from '@sluice/shared/testing/patience'
import { bunWithSources } from '../../support/bun-with-sources.ts'
import { openTestWorkers } from '../../support/workers.ts'

/** The launcher on machines that withhold something from it. */

/** Runs a fixture as a user who has no other processes, after these commands of root's. */
async function runAsStranger(name: string, before = 'true') {
  await using folder = await temporaryFolder()
  await chmod(folder.path, 0o777)
  const main = fileURLToPath(new URL(`../../fixtures/launcher/${name}`, import.meta.url))
  const script = `${before} && exec setpriv --reuid 61515 --regid 61515 --clear-groups --no-new-privs "$0" "$@"`
  const args = ['--mount', 'sh', '-c', script, process.execPath, main]
  const env = { ...process.env, TMPDIR: folder.path, NODE_TEST_CONTEXT: '' }
  const { stdout, stderr } = spawnSync('unshare', args, { env, encoding: 'utf8', timeout: 4 * patienceMs })
  return stdout || stderr
}

const cannotBeAnother =
  spawnSync('unshare', ['--mount', 'setpriv', '--reuid', '61515', process.execPath, '--version']).status !== 0 &&
  'this process cannot be another user'

describe('the launcher', { skip: cannotBeAnother }, () => {
  test('leaves nothing behind where /proc shows each user no processes but their own', async () => {
    assert.equal(await runAsStranger('with-hidden-processes.ts', 'mount -t proc -o hidepid=2 proc /proc'), 'fine')
  })

  test('says so where its user may have no more processes, and goes on when that is over', async () => {
    assert.equal(await runAsStranger('short-of-processes.ts'), 'fine')
  })
})

test('on a kernel without close_range, git inherits nothing of the launcher’s either', async () => {
  await using folder = await temporaryFolder()
  const program = await bunWithSources(folder.path, (name, text) =>
    name === 'libc.h' ? text.replace('SYS_close_range = 436', 'SYS_close_range = 9999') : text,
  )
  await using workers = await openTestWorkers('launcher', { programs: [program] })
  await using worker = workers.start()
  await worker.ready
  const env = { PATH: process.env['PATH'] ?? '' }
  // The worker closes its own ends of git's streams when git has begun.
  const closed = 'while [ -L 0 ] || [ -L 1 ] || [ -L 2 ]; do sleep 0.01; done'
  const script = `cd /proc/self/fd; echo *; cd /proc/$PPID/fd; ${closed}; echo *`
  worker.serve({ argv: ['/bin/sh', '-c', script], env, cwd: '/' }, { term: 0, kill: 300, drain: false })
  const chunks: Buffer[] = []
  for await (const chunk of worker.stdout) chunks.push(chunk as Buffer)
  // 3 is the shell's own, of the folder; and the worker's, for messages.
  assert.equal(Buffer.concat(chunks).toString(), '0 1 2 3\n3\n')
})
