/** @param {string} id */
export function byId(id) {
  const element = document.getElementById(id)
  if (!element) throw new Error(`The page has no #${id}.`)
  return element
}

/** @param {string} id */
export function tableBody(id) {
  return /** @type {HTMLTableElement} */ (byId(id)).tBodies[0] ?? byId(id)
}

/**
 * Sets the texts of elements by their `data-field`.
 *
 * @param {Element} within
 * @param {Record<string, string>} texts
 */
export function fill(within, texts) {
  for (const [field, text] of Object.entries(texts)) {
    const element = within.querySelector(`[data-field="${field}"]`)
    if (element) setText(element, text)
  }
}

/**
 * Leaves an element alone that has the text already: a part of it may be selected.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

/**
 * @param {HTMLElement} element
 * @param {boolean} isShown
 */
export function showIf(element, isShown) {
  element.hidden = !isShown
}

/**
 * @param {HTMLElement} row
 * @param {string} name
 * @param {number} part from 0 to 1
 * @param {number} withheld the part that may not be used now, from 0 to 1
 */
export function fillBar(row, name, part, withheld = 0) {
  /** @type {HTMLElement | null} */
  const bar = row.querySelector(`[data-bar="${name}"]`)
  bar?.style.setProperty('--part', String(Math.min(part, 1)))
  bar?.style.setProperty('--withheld', String(withheld))
}
