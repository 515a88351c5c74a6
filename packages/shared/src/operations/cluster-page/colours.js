/*
 * Hosts differ in hue and, by turns, in lightness, for people who do not tell all hues apart. What is down, or is nobody's,
 * has a form of its own.
 */

/** In degrees: far apart for the first few. */
const hues = [185, 265, 75, 330, 140, 25, 225, 100]
const dark = matchMedia('(prefers-color-scheme: dark)')

/**
 * @param {number} index of a host; -1: nobody
 * @returns {string} a colour of CSS
 */
export function colourOf(index) {
  if (index < 0) return dark.matches ? '#26312f' : '#e2e9e7'
  const hue = hues[index % hues.length]
  const isLight = index % 2 === 1
  const lightness = dark.matches ? (isLight ? 0.78 : 0.6) : isLight ? 0.72 : 0.5
  return `oklch(${lightness} 0.11 ${hue})`
}

/** @returns {string} what marks are drawn with */
export function markColour() {
  return dark.matches ? '#0d1312' : '#ffffff'
}

/** @returns {string} what is down */
export function downColour() {
  return dark.matches ? '#ff978d' : '#ab1f18'
}

/** @param {() => void} then */
export function whenColoursChange(then) {
  dark.addEventListener('change', then)
}
