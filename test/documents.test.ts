import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { reasons } from '@sluice/shared/refusal/reasons'
import { settings } from '@sluice/shared/config/settings'
import type { Setting } from '@sluice/shared/config/setting/setting'

/** The pages, headings, files and settings that pages of this project name must exist. */

const root = fileURLToPath(new URL('../', import.meta.url))
const files = await listFiles('')
const folders = new Set(files.flatMap((file) => parentsOf(file)))
// The changelog speaks of files that are gone.
const pages = files.filter((file) => file.endsWith('.md') && file !== 'CHANGELOG.md')
const texts = new Map(
  await Promise.all(pages.map(async (page) => [page, await readFile(join(root, page), 'utf8')] as const)),
)

test('every link in a page leads to a file, and to a heading where it names one', () => {
  assert.deepEqual(
    pages.flatMap((page) => brokenLinks(page, texts)),
    [],
  )
})

test('every page is linked from another one', () => {
  const linked = new Set(pages.flatMap((page) => linksIn(texts.get(page)!).map(({ path }) => resolveFrom(page, path))))
  assert.deepEqual(
    pages.filter((page) => page.startsWith('docs/') && !linked.has(page)),
    [],
  )
})

test('every file and folder that a page names is there', () => {
  const missing = pages.flatMap((page) => {
    const named = [...texts.get(page)!.matchAll(/`([^`\n]+)`/g)].map(([, text]) => text!).filter(isPath)
    return named.filter((path) => !isThere(page, path)).map((path) => `${page}: ${path}`)
  })
  assert.deepEqual(missing, [])
})

test('every setting that a page names is one', () => {
  const all: Setting<unknown>[] = Object.values(settings)
  const known = new Set<string | undefined>([...all.flatMap(({ name, formerly }) => [name, formerly]), ...ofTests])
  const unknown = pages.flatMap((page) => {
    const named = [...texts.get(page)!.matchAll(/\bSLUICE_[A-Z_]*[A-Z]\b(?!_?\*)/g)].map(([name]) => name)
    return named.filter((name) => !known.has(name)).map((name) => `${page}: ${name}`)
  })
  assert.deepEqual(unknown, [])
})

test('every metric that a page names is one', () => {
  const known = new Set(texts.get('docs/reference/metrics.md')!.match(/\bsluice_\w+/g))
  const unknown = pages.flatMap((page) => {
    const named = [...texts.get(page)!.matchAll(/`(sluice_\w+)`/g)].map(([, name]) => name!)
    return named.filter((name) => !known.has(name)).map((name) => `${page}: ${name}`)
  })
  assert.deepEqual(unknown, [])
})

test('every outcome of a request has a row that says what to do', () => {
  const page = texts.get('docs/operate/observe.md')!
  for (const { outcome } of Object.values(reasons)) assert.match(page, new RegExp(`^\\| \`${outcome}\``, 'm'))
})

/** Only tests read these. */
const ofTests = ['SLUICE_TEST_PATIENCE', 'SLUICE_TEST_SEED']

test('a link that leads nowhere would be found', () => {
  const made = new Map([
    ['docs/page.md', '# One heading\n\n[a](page.md#one-heading) [b](page.md#another) [c](gone.md)\n'],
  ])
  assert.deepEqual(brokenLinks('docs/page.md', made), ['docs/page.md: page.md#another', 'docs/page.md: gone.md'])
})

function brokenLinks(page: string, among: ReadonlyMap<string, string>): string[] {
  return linksIn(among.get(page)!)
    .filter(({ path, anchor }) => {
      const target = path === '' ? page : resolveFrom(page, path)
      const text = among.get(target)
      if (text === undefined) return !files.includes(target) && !folders.has(target.replace(/\/$/, ''))
      return anchor !== undefined && !anchorsIn(text).has(anchor)
    })
    .map(({ link }) => `${page}: ${link}`)
}

type Link = { readonly link: string; readonly path: string; readonly anchor: string | undefined }

/** The links to other files of this project, or to a heading of the same page. */
function linksIn(text: string): Link[] {
  // Text in backticks is no link, but a link may show such text.
  return [
    ...withoutCode(text)
      .replace(/`[^`\n]*`/g, '')
      .matchAll(/\]\(([^)\s]+)\)/g),
  ]
    .map(([, link]) => link!)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => ({ link, path: link.split('#')[0]!, anchor: link.split('#')[1] }))
}

/** As GitHub makes them of headings: lower case, without punctuation, with hyphens for spaces. */
function anchorsIn(text: string): Set<string> {
  const headings = [...withoutCode(text).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => heading!)
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

function withoutCode(text: string): string {
  return text.replace(/^ *```[\s\S]*?^ *```/gm, '')
}

/**
 * Names of source files, with or without their folders, and paths of folders, from the top or with a slash at the end.
 */
function isPath(text: string): boolean {
  const isFile = /^(?:[\w.-]+\/)*[\w.-]+\.(?:ts|sh|conf|service|html|css|js|md|yaml|cfg)$/.test(text)
  const isFolder =
    /^(?:apps|packages|docs|deploy|bench|examples|scripts)\/[\w./-]*$/.test(text) || /^[a-z][\w-]*\/$/.test(text)
  return isFile || isFolder
}

function isThere(page: string, path: string): boolean {
  const wanted = path.replace(/\/$/, '')
  const isWanted = (there: string) => there === wanted || there.endsWith(`/${wanted}`)
  return files.some(isWanted) || [...folders].some(isWanted) || files.includes(resolveFrom(page, path))
}

function resolveFrom(page: string, path: string): string {
  return normalize(join(dirname(page), path))
}

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true })
  const listed = entries
    .filter(({ name }) => !/^(?:node_modules|var|\.git|\.turbo)$/.test(name))
    .map(async (entry) => {
      const path = join(folder, entry.name)
      return entry.isDirectory() ? await listFiles(path) : [path]
    })
  return (await Promise.all(listed)).flat()
}

function parentsOf(file: string): string[] {
  const parent = dirname(file)
  return parent === '.' ? [] : [parent, ...parentsOf(parent)]
}
