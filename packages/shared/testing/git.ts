import { spawn } from 'node:child_process'
import { once } from 'node:events'

export type GitResult = { readonly code: number | null; readonly stdout: string; readonly stderr: string }

/** A user's git, with an identity and without this machine's configuration. */
const userEnvironment = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  LANG: 'C.UTF-8',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'A User',
  GIT_AUTHOR_EMAIL: 'user@example.org',
  GIT_COMMITTER_NAME: 'A User',
  GIT_COMMITTER_EMAIL: 'user@example.org',
  GIT_CONFIG_COUNT: '2',
  GIT_CONFIG_KEY_0: 'init.defaultBranch',
  GIT_CONFIG_VALUE_0: 'main',
  // Large files of tests are random.
  GIT_CONFIG_KEY_1: 'core.compression',
  GIT_CONFIG_VALUE_1: '0',
}

/** Runs git as a user would, and returns its result, also if it fails. */
export async function tryGit(
  cwd: string,
  args: readonly string[],
  options: { env?: Record<string, string>; input?: string | Buffer } = {},
): Promise<GitResult> {
  const child = spawn('git', args, { cwd, env: { ...userEnvironment, ...options.env }, stdio: 'pipe' })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  child.stdin.on('error', () => {}) // git's exit says more.
  child.stdin.end(options.input ?? '')
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }
}

/** Runs git and returns its standard output, trimmed. @throws with git's own words if it fails */
export async function git(
  cwd: string,
  args: readonly string[],
  options: { env?: Record<string, string>; input?: string | Buffer } = {},
): Promise<string> {
  const { code, stdout, stderr } = await tryGit(cwd, args, options)
  if (code !== 0) throw new Error(`git ${args.join(' ')} ended with ${code}:\n${stderr}${stdout}`)
  return stdout.trim()
}

/** A line of `git fast-import` input for a commit that sets one file. */
export function importCommit(options: {
  ref: string
  message: string
  file: string
  content: string
  time: number
}): string {
  const { ref, message, file, content, time } = options
  return [
    `commit ${ref}`,
    `committer A User <user@example.org> ${time} +0000`,
    `data ${Buffer.byteLength(message)}\n${message}`,
    `M 100644 inline ${file}`,
    `data ${Buffer.byteLength(content)}\n${content}`,
    '',
  ].join('\n')
}

/** Fills a repository with `count` commits on main, a day apart, the first in January 2020; each has a new file. */
export async function importHistory(gitDir: string, count: number): Promise<void> {
  const firstDay = Date.UTC(2020, 0, 1) / 1000
  const input = Array.from({ length: count }, (_, index) =>
    importCommit({
      ref: 'refs/heads/main',
      message: `Commit ${index + 1}`,
      file: `file-${index + 1}.txt`,
      content: `This is file ${index + 1}.\n`,
      time: firstDay + index * 86_400,
    }),
  ).join('')
  await git(gitDir, ['fast-import', '--quiet'], { input })
}

/** A pack of what these revisions name, one per line. */
export async function packOf(work: string, revisions: string): Promise<Buffer> {
  const args = ['pack-objects', '--revs', '--stdout', '--quiet', '--thin']
  const child = spawn('git', args, { cwd: work, stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(revisions)
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(child, 'close')
  return Buffer.concat(chunks)
}
