import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rename, rm } from 'node:fs/promises'
import { ConfigError } from '@sluice/shared/config/config-error'
import { errnoOf } from '@sluice/shared/machine/errno'
import { gitEnvironment } from '@sluice/gitworker/git/environment'
import { gitIsMissing } from '@sluice/gitworker/start/parts/prerequisites'

/**
 * Creates a repository with three commits and a tag, to clone from. It appears by one rename.
 *
 * @param program git: a path, or a name for PATH
 * @throws {ConfigError} where there is no such program
 */
export async function createDemo(path: string, program: string): Promise<void> {
  const unfinished = `${path}.${process.pid}.lock`
  try {
    await git(program, ['-c', 'init.defaultBranch=main', 'init', '--quiet', '--bare', '--', unfinished])
    await git(program, ['--git-dir', unfinished, 'fast-import', '--quiet'], history())
    await rename(unfinished, path)
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}

/** For git-fast-import(1). */
function history(): string {
  const readme = '# Demo\n\nA repository to try Sluice with: clone it, commit, push.\n'
  const hello = '#!/bin/sh\necho "Hello from Sluice"\n'
  const now = Math.floor(Date.now() / 1000)
  const commit = (message: string, seconds: number, ...changes: string[]) =>
    [
      'commit refs/heads/main',
      `committer Sluice <sluice@localhost> ${now + seconds} +0000`,
      data(message),
      ...changes,
      '',
    ].join('\n')
  return [
    commit('Add a README\n', -120, 'M 100644 inline README.md', data(readme)),
    commit('Say hello\n', -60, 'M 100755 inline hello.sh', data(hello)),
    commit('Say how to run it\n', 0, 'M 100644 inline README.md', data(`${readme}\nThen run \`./hello.sh\`.\n`)),
    'reset refs/tags/v1\nfrom refs/heads/main\n\n',
  ].join('')
}

function data(text: string): string {
  return `data ${Buffer.byteLength(text)}\n${text}`
}

async function git(program: string, args: string[], input = ''): Promise<void> {
  const env = gitEnvironment(process.env['PATH'] ?? '', '/dev/null')
  const child = spawn(program, args, { env, stdio: ['pipe', 'inherit', 'inherit'] })
  child.stdin.on('error', () => {}) // git's exit says more.
  child.stdin.end(input)
  const [code] = (await once(child, 'exit').catch((error: unknown) => {
    throw errnoOf(error) === 'ENOENT' ? new ConfigError([gitIsMissing(program)]) : error
  })) as [number | null]
  if (code !== 0) throw new Error(`The demo repository could not be created: git ${args.at(-1)} ended with ${code}.`)
}
