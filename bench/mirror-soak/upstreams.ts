import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import type { Stack } from '@sluice/shared/testing/stack'

/** What a client of an upstream gets while the soak runs. In the end, all but the `never` behave. */
export const kinds = [
  'good',
  'hangs',
  'fails',
  'is cut',
  'redirects',
  'wants a password',
  'vanishes',
  'rewrites history',
  'has SHA-256',
  'has 50,000 references',
  'never answers',
  'never lets in',
  'never is there',
] as const
export type Kind = (typeof kinds)[number]

const behaving: ReadonlySet<Kind> = new Set([
  'good',
  'wants a password',
  'rewrites history',
  'has SHA-256',
  'has 50,000 references',
])

/** Whether it answers all requests as it should. */
export function behaves(kind: Kind): boolean {
  return behaving.has(kind)
}

export type UpstreamRepository = { readonly name: string; readonly kind: Kind; readonly gitDir: string }

/** One each: they cost the most, or are never copied. */
const single: ReadonlySet<Kind> = new Set(['has 50,000 references', 'never answers', 'never lets in', 'never is there'])

const manyReferences = 50_000

/** Makes repositories in a stack that mirrors are copied from. */
export async function makeUpstreams(stack: Stack, count: number): Promise<UpstreamRepository[]> {
  const templates = join(stack.folder, 'templates')
  const sha1 = await makeTemplate(join(templates, 'sha1'))
  const sha256 = await makeTemplate(join(templates, 'sha256'), '--object-format=sha256')
  const often = kinds.filter((kind) => !single.has(kind))
  return await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const kind = [...single][index] ?? often[index % often.length]!
      const name = `up-${index}`
      const gitDir = join(stack.root, `${name}.git`)
      await cp(kind === 'has SHA-256' ? sha256 : sha1, gitDir, { recursive: true })
      if (kind === 'has 50,000 references') await addReferences(gitDir)
      return { name, kind, gitDir }
    }),
  )
}

async function makeTemplate(gitDir: string, ...options: string[]): Promise<string> {
  await mkdir(gitDir, { recursive: true })
  await git(gitDir, ['init', '--quiet', '--bare', ...options, '.'])
  await importHistory(gitDir, 30)
  // Something that takes more than one packet.
  const blob = await git(gitDir, ['hash-object', '-w', '--stdin'], { input: randomBytes(300_000) })
  await git(gitDir, ['tag', '-a', '-m', 'A file', 'blob', blob])
  await git(gitDir, ['repack', '-a', '-d', '-q'])
  return gitDir
}

async function addReferences(gitDir: string): Promise<void> {
  const main = await git(gitDir, ['rev-parse', 'main'])
  const input = Array.from({ length: manyReferences }, (_, index) => `create refs/heads/many/${index} ${main}\n`)
  await git(gitDir, ['update-ref', '--stdin'], { input: input.join('') })
  await git(gitDir, ['pack-refs', '--all'])
}

/**
 * Changes an upstream, mostly by a push: a new branch, a rewritten one, one gone, one that gives way to another below its
 * name, many objects, or another HEAD.
 */
export async function changeUpstream(stack: Stack, { name, kind, gitDir }: UpstreamRepository, text: string) {
  const url = `${stack.url}/${name}.git`
  const push = (...refspecs: string[]) => tryGit(gitDir, ['push', '--quiet', url, ...refspecs])
  const commit = (parent: string) => git(gitDir, ['commit-tree', '-p', parent, '-m', text, 'main^{tree}'])
  const choice = kind === 'rewrites history' ? 1 : Math.floor(Math.random() * 6)
  if (choice === 0) await push(`${await commit('main')}:refs/heads/b-${text}`)
  if (choice === 1) await push(`+${await commit('main~1')}:refs/heads/main`, `+${await commit('main~2')}:refs/heads/r`)
  if (choice === 2) await push(`:refs/heads/r`)
  if (choice === 3) {
    const isFolder = (await tryGit(gitDir, ['rev-parse', '--verify', '--quiet', 'refs/heads/f/g'])).code === 0
    const [gone, made] = isFolder ? ['refs/heads/f/g', 'refs/heads/f'] : ['refs/heads/f', 'refs/heads/f/g']
    await push(`:${gone}`)
    await push(`main:${made}`)
  }
  if (choice === 4) await pileUp(gitDir, text)
  if (choice === 5)
    await git(gitDir, ['symbolic-ref', 'HEAD', Math.random() < 0.5 ? 'refs/heads/main' : 'refs/heads/r'])
}

/** So many references and objects that maintenance of the mirror begins soon. */
async function pileUp(gitDir: string, text: string): Promise<void> {
  const commits = Array.from({ length: 120 }, (_, index) => {
    const content = `${text} ${index}\n`
    return (
      `commit refs/heads/pile-${text}/${index}\ncommitter A <a@example.com> ${1_700_000_000 + index} +0000\ndata 1\nx\n` +
      `M 100644 inline file-${index % 7}\ndata ${content.length}\n${content}\n`
    )
  })
  await tryGit(gitDir, ['fast-import', '--quiet'], { input: commits.join('') })
}
