import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { test } from 'node:test'
import { ChildEnd } from '../../src/start/child-end.ts'

/** Runs a program of Node that says when it is there. It hears SIGTERM as `onTerm` says. */
async function start(onTerm: string) {
  const program = `process.on('SIGTERM', ${onTerm}); setInterval(() => {}, 1000); console.log('here')`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  const end = new ChildEnd(child)
  await once(child.stdout, 'data')
  return { child, end }
}

test('a child that somebody has stopped ends all the same', async () => {
  const { child, end } = await start('() => process.exit(3)')
  child.kill('SIGSTOP')
  await end.stop()
  assert.equal(await end.exited, 3)
})

test('a child that does not hear is ended by force, where that was asked for', async () => {
  const { end } = await start('() => {}')
  await end.stop(10)
  assert.equal(await end.exited, null)
})

test('a child in a hurry is asked twice, with time between', async () => {
  // It is only played: a process that stands still hears both at once.
  const asked: number[] = []
  const child = Object.assign(new EventEmitter(), {
    kill(signal: NodeJS.Signals) {
      if (signal === 'SIGTERM' && asked.push(performance.now()) === 2) child.emit('exit', 7, null)
      return true
    },
  })
  const end = new ChildEnd(child as unknown as ChildProcess)
  end.hurry()
  assert.equal(await end.exited, 7)
  assert.ok(asked[1]! - asked[0]! > 100, asked.join())
})

test('a child is ended when its start is given up, and only in a hurry once it has started', async () => {
  const given = await start('() => process.exit(3)')
  const stopping = new AbortController()
  const hurrying = new AbortController()
  const ending = { stopping: stopping.signal, hurrying: hurrying.signal }
  given.end.follow(ending)
  const started = await start('() => process.exit(4)')
  started.end.follow(ending).started()
  stopping.abort()
  assert.equal(await given.end.exited, 3)
  assert.equal(started.end.isStopping, false)
  hurrying.abort()
  assert.equal(await started.end.exited, 4)
})
