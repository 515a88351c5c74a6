import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { join } from 'node:path'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { call } from './support/call.ts'

const noZsh = spawnSync('zsh', ['--version']).status === 0 ? undefined : 'zsh is not installed'

/** What is offered for the last word of each line. */
const cases: readonly (readonly [line: readonly string[], offered: readonly string[]])[] = [
  [['st'], ['start', 'status']],
  [['--js'], ['--json']],
  [['config', '--y'], ['--yaml']],
  [['config', '--conf'], ['--config']],
  [['user', 'add', '--pass'], ['--password-stdin']],
  [
    ['--config', 'x.yaml', 'check', ''],
    ['gateway', 'supervisor'],
  ],
  [['--json', 'check', 'gate'], ['gateway']],
  [['check', 'gateway', ''], []],
  [
    ['completion', ''],
    ['bash', 'zsh'],
  ],
  [['status', '--address', ''], []],
  [['nonsense', 'x'], []],
]

async function script(shell: string): Promise<string> {
  return (await call(['completion', shell])).stdout
}

test('bash offers commands, options, values and files', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'my settings.yaml'), '')
  const source = await script('bash')
  const offers = (line: readonly string[]) => {
    const words = ['sluice', ...line].map((word) => `'${word}'`).join(' ')
    const ask = `COMP_WORDS=(${words}); COMP_CWORD=${line.length}; _sluice; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-c', `${source}\n${ask}`], {
      cwd: folder.path,
      encoding: 'utf8',
    })
    assert.equal(stderr, '')
    assert.equal(status, 0)
    return stdout.split('\n').filter(Boolean)
  }
  for (const [line, offered] of cases) assert.deepEqual(offers(line), offered, line.join(' '))
  for (const line of [
    ['--config', 'my'],
    ['config', '--config', '=', 'my'],
    ['start', 'my'],
  ])
    assert.deepEqual(offers(line), ['my settings.yaml'], line.join(' '))
})

test('zsh offers the same, with descriptions', { skip: noZsh }, async () => {
  const source = await script('zsh')
  // What zsh's own functions would show.
  const shown = `compdef() { }
_describe() { for one in "\${(@P)2}"; do [[ $one = $cur* ]] && print -r -- "$one"; done }
_files() { print -r -- FILES }`
  const offers = (line: readonly string[]) => {
    const words = ['sluice', ...line].map((word) => `'${word}'`).join(' ')
    const ask = `words=(${words}); CURRENT=${line.length + 1}; _sluice`
    const { stdout, stderr } = spawnSync('zsh', ['-f', '-c', `${shown}\n${source}\n${ask}`], { encoding: 'utf8' })
    assert.equal(stderr, '')
    return stdout.split('\n').filter(Boolean)
  }
  for (const [line, offered] of cases)
    assert.deepEqual(
      offers(line).map((one) => one.split(':')[0]),
      offered,
      line.join(' '),
    )
  assert.match(offers(['stat'])[0]!, /^status:Show what the running supervisor does/)
  for (const line of [
    ['--config', ''],
    ['start', ''],
  ])
    assert.deepEqual(offers(line), ['FILES'])
})

test('a shell that is not known is refused', async () => {
  const { exitCode, stderr } = await call(['completion', 'fish'])
  assert.equal(exitCode, 2)
  assert.match(stderr, /'fish' is no shell: it is one of bash, zsh/)
})
