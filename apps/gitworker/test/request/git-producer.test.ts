import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { parseGitRequest } from '@sluice/shared/git/git-route'
import { pktLine } from '@sluice/shared/git/pkt-line'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { WorkerHandle } from '../../src/process/worker-handle.ts'
import { FetchReply } from '../../src/reply/git-reply.ts'
import { GitProducer } from '../../src/request/git-producer.ts'

/** A git that has exited with an error before any of its output was read. */
class ExitedWorker {
  readonly pid = 1
  readonly state = 'draining'
  readonly stdout = new PassThrough()
  readonly report = Promise.resolve({ code: 128, signal: null, cpuMs: 1, maxRssBytes: 1 })
  readonly gone = new Promise<void>(() => {})
  outputBytes = 0

  constructor() {
    this.stdout.on('data', (chunk: Buffer) => (this.outputBytes += chunk.length)).pause()
  }

  async lastWords(): Promise<string> {
    return `fatal: git upload-pack: not our ref ${'1'.repeat(40)}\n`
  }
}

function producerOf(worker: ExitedWorker): GitProducer {
  const incoming = { method: 'POST', url: '/project.git/git-upload-pack', headers: { 'content-type': fetchType } }
  const request = parseGitRequest(incoming)
  const claim = { repository: 'project', client: 'client' }
  const held = { [Symbol.asyncDispose]: async () => {} }
  const git = {
    worker: worker as unknown as WorkerHandle,
    held,
    request,
    lane: 'fetch',
    claim,
    state: undefined,
  } as const
  const producer = new GitProducer(git, Promise.resolve(), undefined, new FetchReply())
  producer.ended.catch(() => {})
  return producer
}

const fetchType = 'application/x-git-upload-pack-request'

test('what git has written before its exit is its reply, even if the exit is known first', async () => {
  const worker = new ExitedWorker()
  const producer = producerOf(worker)
  // All that follows from the report alone has happened after a turn of the event loop.
  await nextTurn()
  worker.stdout.resume().end(pktLine(`ERR upload-pack: not our ref ${'1'.repeat(40)}`))
  assert.equal(await producer.ended, 'forget')
  assert.equal(producer.verdict?.refusal.reason, 'git_refused')
})

test('a git that fails without a word has made no reply', async () => {
  const worker = new ExitedWorker()
  const producer = producerOf(worker)
  worker.stdout.resume().end()
  await assert.rejects(producer.ended, (error) => error instanceof Refusal && error.reason === 'git_refused')
})
