import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { version } from '@sluice/shared/version'
import { call, documentOf } from './support/call.ts'

test('a wrong call says what was wrong and what would be right, and ends with 2', async () => {
  const wrong: [string[], RegExp][] = [
    [[], /^Usage: sluice [^]*Commands:[^]*\nerror: Say which command to run\.\n$/],
    [['--config'], /Option '--config <file>' needs a value\./],
    [['check', 'both'], /'both' is no application: it is one of gateway, supervisor\./],
    [['completion'], /Say the shell, too\./],
    [['repo', 'create', '../x'], /^error: "\.\.\/x" is no name of a repository, such as team\/app: /],
    [['repo', 'rename', 'a', 'b\nc'], /^error: "b\\nc" is no name .*: There are control characters in it\.\n$/],
    [['repo', 'show', 'x'.repeat(5000)], /^error: "x{80}…" is no name/],
    [['strt'], /^error: Unknown command 'strt'\. Did you mean start\? "sluice --help" says what there is\.\n$/],
    [['start', '--jsn'], /^error: Unknown option '--jsn'\. Did you mean --json\? "sluice start --help"/],
    [['start', 'a', 'b'], /^error: Too many arguments for 'start'\..*"sluice start --help"/],
  ]
  for (const [argv, says] of wrong) {
    const { exitCode, stdout, stderr } = await call(argv)
    assert.equal(exitCode, 2)
    assert.equal(stdout, '')
    assert.match(stderr, says)
  }
})

test('with --json, a failure is one document', async () => {
  const { exitCode, document } = await documentOf(['strt'])
  assert.equal(exitCode, 2)
  assert.deepEqual(document, {
    error: {
      kind: 'usage',
      message: `Unknown command 'strt'. Did you mean start? "sluice --help" says what there is.`,
      problems: [],
    },
  })
})

test('help and version are no failures', async () => {
  const help = await call(['start', '--help'])
  assert.equal(help.exitCode, 0)
  assert.match(help.stdout, /^Usage: sluice start [^]*--json/)
  assert.deepEqual(await call(['--version']), { exitCode: 0, stdout: `${version}\n`, stderr: '' })
})

test('a link to the program works from anywhere, and hands on arguments and exit code', async () => {
  await using folder = await temporaryFolder()
  const link = join(folder.path, 'sluice')
  await symlink(fileURLToPath(new URL('../bin/sluice', import.meta.url)), link)
  const failed = await promisify(execFile)(link, ['no such command'], { cwd: '/' }).catch((error: unknown) => error)
  const { code, stderr } = failed as { code: number; stderr: string }
  assert.equal(code, 2)
  assert.match(stderr, /Unknown command 'no such command'/)
})
