import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { git, importHistory } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { ask, target } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'

/** A git that works is not idle. A client that is waited for may be. */

const emptyPack = Buffer.from('5041434b0000000200000000029d08823bd8a8eab510ad6ac75c823cfd3ed31e', 'hex')
const headers = { 'Content-Type': 'application/x-git-receive-pack-request' }

describe('with a very short idle time', () => {
  let stack: Stack
  let main: string
  before(async () => {
    stack = await startStack({
      SLUICE_IDLE_TIMEOUT: '1s',
      SLUICE_PUSH_SLOTS: '4',
      SLUICE_KILL_GRACE: '500ms',
    })
    main = await repository(stack, 'project.git', 'sleep 3')
  })
  after(() => stack[Symbol.asyncDispose]())

  test('a silent hook may take its time, whatever its client wants to be told', async () => {
    const pushes = ['report-status', 'report-status side-band-64k', 'delete-refs'].map(async (capabilities) => {
      const ref = `refs/heads/${capabilities.replaceAll(' ', '-')}`
      // Straight to the host, whose idle time is shorter.
      const reply = await ask(stack.supervisor.address, '/project.git/git-receive-pack', {
        method: 'POST',
        headers,
        body: pushOf(main, ref, capabilities),
      })
      assert.equal(reply.status, 200, capabilities)
      assert.equal(await git(join(stack.root, 'project.git'), ['rev-parse', ref]), main)
    })
    await Promise.all(pushes)
  })

  test('a client that stops sending is cut off', async () => {
    const body = pushOf(main, 'refs/heads/late', 'report-status')
    const begun = Object.entries({ none: 0, some: 3, half: body.length - 10 }).map(async ([id, bytes]) => {
      const socket = connect(target(stack.supervisor.address))
      socket.on('error', () => {}).resume()
      const head = [
        'POST /project.git/git-receive-pack HTTP/1.1',
        'Host: x',
        `X-Request-Id: ${id}`,
        `Content-Type: ${headers['Content-Type']}`,
        `Content-Length: ${body.length}`,
      ]
      socket.write(`${head.join('\r\n')}\r\n\r\n`)
      socket.write(body.subarray(0, bytes))
      const line = await stack.supervisor.line((it) => it['requestId'] === id)
      assert.equal(line['outcome'], 'timed_out')
      assert.equal(line['reason'], 'idle_timeout')
      socket.destroy()
    })
    await Promise.all(begun)
  })
})

test('a hook that is silent for too long is ended', async () => {
  await using stack = await startStack({ SLUICE_SILENT_GIT_TIMEOUT: '500ms', SLUICE_KILL_GRACE: '300ms' })
  const main = await repository(stack, 'project.git', 'sleep 1000')
  const reply = await ask(stack.gateway.address, '/project.git/git-receive-pack', {
    method: 'POST',
    headers: { ...headers, 'X-Request-Id': 'silent' },
    body: pushOf(main, 'refs/heads/a', 'report-status'),
  })
  assert.equal(reply.status, 504)
  assert.match(reply.body, /git on the server, or a hook, has said nothing/)
  const line = await stack.supervisor.line((it) => it['requestId'] === 'silent')
  assert.equal(line['reason'], 'git_silent')
  assert.deepEqual(await stack.gitProcesses(), [])
})

async function repository(stack: Stack, name: string, preReceive: string): Promise<string> {
  const gitDir = join(stack.root, name)
  await mkdir(gitDir)
  await git(gitDir, ['init', '--quiet', '--bare', '.'])
  await importHistory(gitDir, 1)
  await writeHook(gitDir, 'pre-receive', preReceive)
  return await git(gitDir, ['rev-parse', 'main'])
}

function pushOf(id: string, ref: string, capabilities: string): Buffer {
  const command = pktLine(`${'0'.repeat(40)} ${id} ${ref}\0 ${capabilities} agent=test`)
  return Buffer.concat([Buffer.from(command + flushPacket), emptyPack])
}
