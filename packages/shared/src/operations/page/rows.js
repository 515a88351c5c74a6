import { byId } from './elements.js'

/**
 * Keeps one element for each item, cloned from a template. An element stays as long as there is an item with its key,
 * and is not moved without need: it would lose focus and selected text.
 *
 * @template T
 * @param {{
 *   within: Element
 *   template: string
 *   keyOf: (item: T) => string
 *   fillRow: (row: HTMLElement, item: T) => void
 * }} how
 */
export function rows({ within, template, keyOf, fillRow }) {
  const model = /** @type {HTMLTemplateElement} */ (byId(template)).content.firstElementChild
  /** @type {Map<string, HTMLElement>} */
  let shown = new Map()
  return {
    /** @param {readonly T[]} items */
    show(items) {
      /** @type {Map<string, HTMLElement>} */
      const next = new Map()
      for (const item of items) {
        // Two requests may have the same id: a client that sends a request again may send its id again.
        let key = keyOf(item)
        while (next.has(key)) key += '+'
        const row = shown.get(key) ?? /** @type {HTMLElement} */ (model?.cloneNode(true))
        fillRow(row, item)
        next.set(key, row)
      }
      for (const [key, row] of shown) if (!next.has(key)) row.remove()
      putInOrder(within, [...next.values()])
      shown = next
    },
  }
}

/**
 * @param {Element} within
 * @param {readonly HTMLElement[]} elements
 */
function putInOrder(within, elements) {
  for (const [index, element] of elements.entries()) {
    const there = within.children[index]
    if (there !== element) within.insertBefore(element, there ?? null)
  }
}
