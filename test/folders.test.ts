import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

/**
 * The rules for imports between the folders of the sources. A reader of a folder needs to know only the folders below
 * it.
 */

const project = fileURLToPath(new URL('..', import.meta.url))
const sources = globSync('{packages,apps}/*/src/**/*.ts', { cwd: project })
const mostFiles = 15
const saysNothing = /^(?:utils?|helpers?|managers?|common|base|misc|index)\b/

type Import = { readonly from: string; readonly to: string }

/** Where each package is that others import by name. */
const folderOf: Readonly<Record<string, string>> = {
  shared: 'packages/shared',
  access: 'packages/access',
  gateway: 'apps/gateway',
  gitworker: 'apps/gitworker',
  command: 'apps/command',
}

/** All imports of one file by another, also those of types only. */
function importsOf(file: string, text: string): Import[] {
  const specifiers = text.matchAll(/^(?:import|export) .*?from '([^']+)'|import\('([^']+)'\)/gms)
  return [...specifiers].flatMap(([, stated, called]) => {
    const specifier = (stated ?? called)!
    const [, name, path] = /^@sluice\/(\w+)\/(.+)$/.exec(specifier) ?? []
    if (name !== undefined) return { from: file, to: `${folderOf[name]}/src/${path}.ts` }
    return specifier.startsWith('.') ? { from: file, to: normalize(join(dirname(file), specifier)) } : []
  })
}

/** The folders of a cycle: each imports the next, and the last one imports the first. */
function findCircle(arrows: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const clear = new Set<string>()
  const look = (folder: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(folder)) return path.slice(path.indexOf(folder))
    if (clear.has(folder)) return undefined
    for (const next of arrows.get(folder) ?? []) {
      const circle = look(next, [...path, folder])
      if (circle) return circle
    }
    clear.add(folder)
    return undefined
  }
  for (const folder of arrows.keys()) {
    const circle = look(folder, [])
    if (circle) return circle
  }
  return undefined
}

function arrowsOf(imports: readonly Import[]): Map<string, Set<string>> {
  const arrows = new Map<string, Set<string>>()
  for (const { from, to } of imports) {
    if (dirname(from) === dirname(to)) continue
    const known = arrows.get(dirname(from)) ?? new Set()
    arrows.set(dirname(from), known.add(dirname(to)))
  }
  return arrows
}

describe('the folders of the sources', () => {
  const imports = sources.flatMap((file) => importsOf(file, readFileSync(join(project, file), 'utf8')))

  test('are found, with their imports', () => {
    assert.ok(imports.length > 500, `${imports.length}`)
    for (const { from, to } of imports) assert.ok(sources.includes(to), `${from} imports ${to}`)
  })

  test('have no cycle', () => {
    const circle = findCircle(arrowsOf(imports))
    const arrows = imports.filter(({ from, to }) => {
      const index = circle?.indexOf(dirname(from)) ?? -1
      return index !== -1 && dirname(to) === circle![(index + 1) % circle!.length]
    })
    assert.equal(circle, undefined, arrows.map(({ from, to }) => `${from} → ${to}`).join('\n'))
  })

  test('of an application are imported by the command only, those of the command by nobody, and shared imports nothing', () => {
    const workspace = (file: string) => file.split('/').slice(0, 2).join('/')
    const wrong = imports.filter(({ from, to }) => {
      if (workspace(from) === workspace(to) || workspace(to) === 'packages/shared') return false
      if (workspace(to) === 'packages/access') return workspace(from) === 'packages/shared'
      return workspace(to) === 'apps/command' || workspace(from) !== 'apps/command'
    })
    assert.deepEqual(wrong, [])
  })

  test(`hold ${mostFiles} files at most, and none whose name says nothing`, () => {
    for (const [folder, files] of Map.groupBy(sources, dirname)) {
      assert.ok(files.length <= mostFiles, `${folder}: ${files.length} files`)
    }
    assert.deepEqual(
      sources.filter((file) => saysNothing.test(basename(file))),
      [],
    )
  })
})

test('a cycle is found, however long, and none where there is none', () => {
  const arrows = (text: string) =>
    arrowsOf(text.split(' ').map((pair) => ({ from: `${pair[0]}/x.ts`, to: `${pair[1]}/y.ts` })))
  assert.deepEqual(findCircle(arrows('ab bc cd db')), ['b', 'c', 'd'])
  assert.deepEqual(findCircle(arrows('ab ba')), ['a', 'b'])
  assert.equal(findCircle(arrows('ab bc ac cd ad aa')), undefined)
})
