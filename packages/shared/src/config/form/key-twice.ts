import { isNode, isScalar, visit } from 'yaml'
import type { Document } from 'yaml'

/**
 * The first key that its map has twice, in words and without its line, and where it is. The library's own check compares
 * each key with all others of its map, which takes minutes where there are very many.
 */
export function keyThatIsThereTwice(
  document: Document.Parsed,
): { readonly problem: string; readonly offset: number } | undefined {
  let found: { problem: string; offset: number } | undefined
  visit(document, {
    Map(_key, { items }) {
      const keys = new Set<string>()
      for (const { key } of items) {
        const name = isScalar(key) ? String(key.value) : ''
        if (!keys.has(name)) keys.add(name)
        else
          found ??= { problem: `${JSON.stringify(name)} is there twice`, offset: (isNode(key) && key.range?.[0]) || 0 }
      }
      return found ? visit.BREAK : undefined
    },
  })
  return found
}
