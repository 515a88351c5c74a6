import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { git } from '@sluice/shared/testing/git'

const firstDay = Date.UTC(2020, 0, 1) / 1000
const person = 'A User <user@example.org>'

/** Makes a bare repository from `input`, see git-fast-import(1). */
export async function importInto(
  gitDir: string,
  input: Iterable<Buffer>,
  settings: readonly string[] = [],
): Promise<void> {
  await mkdir(gitDir, { recursive: true })
  await git(gitDir, ['init', '--quiet', '--bare', '.'])
  await git(gitDir, ['config', 'gc.auto', '0'])
  await continueImport(gitDir, input, settings)
}

/** The same in an existing repository. */
export async function continueImport(
  gitDir: string,
  input: Iterable<Buffer>,
  settings: readonly string[] = [],
): Promise<void> {
  const args = [...settings.flatMap((setting) => ['-c', setting]), 'fast-import', '--quiet', '--force']
  const child = spawn('git', args, { cwd: gitDir, stdio: ['pipe', 'ignore', 'inherit'] })
  const closed = once(child, 'close') as Promise<[number | null]>
  const [[code]] = await Promise.all([closed, pipeline(Readable.from(input), child.stdin)])
  if (code !== 0) throw new Error(`git fast-import ended with ${code}.`)
}

export function blob(mark: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`blob\nmark :${mark}\n`), data(content)])
}

export type Commit = {
  readonly ref: string
  readonly mark?: number
  /** Days after the first of January 2020. */
  readonly day: number
  readonly message: string
  readonly from?: string
  readonly files: Readonly<Record<string, Buffer | { readonly mark: number }>>
}

export function commit({ ref, mark, day, message, from, files }: Commit): Buffer {
  const time = `${firstDay + day * 86_400} +0000`
  return Buffer.concat([
    Buffer.from(`commit ${ref}\n${mark === undefined ? '' : `mark :${mark}\n`}`),
    Buffer.from(`author ${person} ${time}\ncommitter ${person} ${time}\n`),
    data(Buffer.from(message)),
    Buffer.from(from === undefined ? '' : `from ${from}\n`),
    ...Object.entries(files).map(([path, content]) =>
      'mark' in content
        ? Buffer.from(`M 100644 :${content.mark} ${path}\n`)
        : Buffer.concat([Buffer.from(`M 100644 inline ${path}\n`), data(content)]),
    ),
  ])
}

export function annotatedTag(name: string, mark: number): Buffer {
  return Buffer.concat([
    Buffer.from(`tag ${name}\nfrom :${mark}\ntagger ${person} ${firstDay} +0000\n`),
    data(Buffer.from(`Release ${name}\n`)),
  ])
}

/** Points a ref at a commit that was imported before. */
export function pointAt(ref: string, mark: number): Buffer {
  return Buffer.from(`reset ${ref}\nfrom :${mark}\n\n`)
}

function data(content: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`data ${content.length}\n`), content, Buffer.from('\n')])
}
