import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

test('a warning of Node’s is a line of the log, and nothing else', async () => {
  const program = `
    import { openLog } from ${JSON.stringify(import.meta.resolve('../../src/telemetry/log.ts'))}
    import { logProcessWarnings } from ${JSON.stringify(import.meta.resolve('../../src/telemetry/process-warnings.ts'))}
    logProcessWarnings(openLog('gateway', { logLevel: 'info', logFormat: 'json' }))
    const target = new (await import('node:events')).EventEmitter()
    for (let n = 0; n < 12; n++) target.on('close', () => {})
  `
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.equal(stderr, '')
  assert.equal(lines.length, 1)
  assert.equal(lines[0]?.['level'], 'warn')
  assert.match(JSON.stringify(lines[0]?.['err']), /MaxListenersExceededWarning/)
})
