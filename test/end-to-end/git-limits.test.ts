import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { git, tryGit } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import { isQuiet, startStack } from '@sluice/shared/testing/stack'
import type { LogLine } from '@sluice/shared/testing/app'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** A request that reaches a limit of what one git may use: the log and the client are told, and the next one is served. */

/** Pushes a commit with this file to a new repository. @returns what git says, and the request's line of the log */
async function push(stack: Stack, content: Buffer): Promise<{ said: string; line: LogLine }> {
  const clone = join(stack.folder, 'clone')
  await git(stack.root, ['init', '-q', '--bare', 'project.git'])
  await git(stack.folder, ['init', '-q', clone])
  await writeFile(join(clone, 'file'), content)
  await git(clone, ['add', 'file'])
  await git(clone, ['commit', '-q', '-m', 'a file'])
  const { stderr } = await tryGit(clone, ['push', `${stack.url}/project.git`, 'HEAD:main'])
  const isPush = (it: LogLine) => it['service'] === 'receive-pack' && it['kind'] === 'rpc' && Number(it['bytesIn']) > 4
  return { said: stderr, line: await stack.supervisor.line(isPush) }
}

async function servesOn(stack: Stack): Promise<void> {
  await until('nothing to be left', async () => isQuiet(await stack.status()))
  assert.equal(await git(stack.folder, ['ls-remote', `${stack.url}/project.git`]), '')
}

describe('a push', () => {
  test('whose pack is larger than a file may be is refused, with the reason', async () => {
    await using stack = await startStack({ SLUICE_GIT_FILE_SIZE: '1MiB' })
    const { said, line } = await push(stack, randomBytes(2 * 2 ** 20))
    assert.match(said, /remote rejected/)
    assert.deepEqual([line['outcome'], line['reason']], ['git_failed', 'git_file_size'])
    await servesOn(stack)
  })

  test('that needs more memory than a process may have is refused, in git’s words', async () => {
    await using stack = await startStack({ SLUICE_GIT_MEMORY: '64MiB' })
    // Its pack is small; whoever unpacks it needs as much memory as the file is large.
    const { said, line } = await push(stack, Buffer.alloc(100 * 2 ** 20))
    assert.match(said, /Out of memory/)
    assert.equal(line['reason'], 'no_resources')
    await servesOn(stack)
  })
})

test('a git that has used up its processor time is ended, and its client told', async () => {
  const fixture = fileURLToPath(new URL('../fixtures/burns-cpu.sh', import.meta.url))
  await using stack = await startStack({ SLUICE_GIT_CPU_TIME: '1s', SLUICE_GIT: fixture })
  await git(stack.root, ['init', '-q', '--bare', 'project.git'])
  const { status, headers, body } = await ask(stack.gateway.address, '/project.git/info/refs?service=git-upload-pack')
  assert.equal(status, 500)
  assert.equal(headers['sluice-reason'], 'git_cpu_time')
  assert.match(body, /more processor time than this server allows/)
  const line = await stack.supervisor.line((it) => it['reason'] === 'git_cpu_time')
  assert.equal(line['outcome'], 'git_failed')
  await until('nothing to be left', async () => isQuiet(await stack.status()))
})
