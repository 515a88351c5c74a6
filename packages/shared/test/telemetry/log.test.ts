import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { temporaryFolder } from '../../testing/folder.ts'
import { patiently } from '../../testing/patience.ts'

const run = promisify(execFile)
const log = new URL('../../src/telemetry/log.ts', import.meta.url).href

/**
 * A program that logs `count` lines in as many turns of the event loop, and reports how often it has waited for the
 * disk.
 */
const talkative = (count: number) => `
  import fs from 'node:fs'
  import { setImmediate } from 'node:timers/promises'
  import { openLog } from '${log}'
  let waits = 0
  const fsyncSync = fs.fsyncSync
  fs.fsyncSync = (fd) => { waits++; fsyncSync(fd) }
  const log = openLog('test', { logLevel: 'info', logFormat: 'json' })
  for (let n = 0; n < ${count}; n++) {
    log.info({ n }, 'a line')
    await setImmediate()
  }
  await setImmediate()
  process.stderr.write(String(waits))
  log.info({ n: ${count} }, 'the last line')
  process.exit()
`

test('lines reach a pipe in order, including the last one before the process ends', async () => {
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', talkative(50)])
  const lines = stdout.trimEnd().split('\n')
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { n: number }).n),
    Array.from({ length: 51 }, (_, n) => n),
  )
})

test('a log in a file does not make requests wait for its disk', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'log')
  await using file = await open(path, 'w')
  const child = spawn(process.execPath, ['--input-type=module', '-e', talkative(50)], {
    stdio: ['ignore', file.fd, 'pipe'],
  })
  let waits = ''
  child.stderr!.on('data', (chunk: Buffer) => (waits += chunk.toString()))
  await once(child, 'close')
  assert.equal(waits, '0')
  assert.equal((await readFile(path, 'utf8')).trimEnd().split('\n').length, 51)
})

for (const [output, openOutput] of [
  ['a full disk', () => open('/dev/full', 'w')],
  ['a pipe that nobody reads any more', brokenPipe],
] as const) {
  test(`a process whose log goes to ${output} ends nevertheless`, async () => {
    await using file = await openOutput()
    const child = spawn(process.execPath, ['--input-type=module', '-e', talkative(0)], {
      stdio: ['ignore', file.fd, 'ignore'],
    })
    try {
      assert.deepEqual(await patiently('the process to end', once(child, 'close')), [0, null])
    } finally {
      child.kill('SIGKILL')
    }
  })
}

/** A named pipe, opened for writing, whose only reader has left. */
async function brokenPipe() {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'pipe')
  await run('mkfifo', [path])
  const reader = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = await open(path, 'w')
  await reader.close()
  return writer
}

test('a JSON line contains nothing that steers a terminal, and can be read back', async () => {
  const hostile = 'a\u009b31m\u007f\u202e\u2028\u200b\u{e0041}\u001b[2J\nb é 日'
  const program = `
    import { openLog } from '${log}'
    const text = ${JSON.stringify(hostile)}
    openLog('test', { logLevel: 'info', logFormat: 'json' }).info({ userAgent: text, err: new Error(text) }, text)
  `
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program])
  assert.doesNotMatch(stdout.trimEnd(), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
  const { msg, userAgent, err } = JSON.parse(stdout) as { msg: string; userAgent: string; err: { message: string } }
  assert.deepEqual([msg, userAgent, err.message], [hostile, hostile, hostile])
})
