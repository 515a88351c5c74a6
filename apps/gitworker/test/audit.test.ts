import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { pino } from 'pino'
import { Audit } from '../src/supervisor/audit.ts'

test('what lives in a session whose request is over is counted, and nothing else', async () => {
  const lines: string[] = []
  using audit = new Audit(pino({}, { write: (line: string) => void lines.push(line) }))
  const child = spawn('/bin/sleep', ['1000'], { detached: true, stdio: 'ignore' })
  const { pid } = child
  assert.ok(pid !== undefined)
  assert.deepEqual(audit.look(), { processes: 0, zombies: 0 })
  audit.isOver(pid)
  assert.deepEqual(audit.look(), { processes: 1, zombies: 0 })
  assert.match(lines.at(-1) ?? '', new RegExp(`"pids":\\[${pid}\\]`))
  audit.begins(pid)
  assert.deepEqual(audit.look(), { processes: 0, zombies: 0 })
  audit.isOver(pid)
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
  assert.deepEqual(audit.look(), { processes: 0, zombies: 0 })
})
