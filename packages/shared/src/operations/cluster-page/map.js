/** @import { ClusterStatus } from '../../placement/cluster-status.ts' */
import { byId, fill, setText } from '../page/elements.js'
import { rows } from '../page/rows.js'
import { colourOf, downColour, markColour, whenColoursChange } from './colours.js'

/*
 * One cell for each slot, those of one host side by side. The arrow keys, or a pointer, lead to a slot, and a line below
 * says what it is.
 */

/** By the letter of a state: its order within a host, what it means, and the marks that it is drawn with. */
const states = {
  k: { order: 0, name: 'kept', meaning: 'read and pushed to', marks: [] },
  m: { order: 1, name: 'moving', meaning: 'handed over; pushes may be held for a moment', marks: ['/'] },
  w: { order: 2, name: 'waiting', meaning: 'only read, until another host takes over', marks: ['/', '\\'] },
  d: { order: 3, name: 'down', meaning: 'on no host that lives', marks: ['/', '\\'] },
  n: { order: 4, name: 'new', meaning: 'nobody’s yet', marks: [] },
}

/** The summary is for those who do not see the map. The table has all hosts. */
const mostNamed = 8

const map = /** @type {HTMLCanvasElement} */ (byId('map'))
/** @type {ClusterStatus | undefined} */
let shown
/** The slots in the order of the map. @type {number[]} */
let order = []
/** Where the cursor is, as an index of `order`; -1: nowhere. */
let cursor = -1

const legend = rows({
  within: byId('legend'),
  template: 'state',
  keyOf: (/** @type {{ letter: keyof typeof states, count: number }} */ { letter }) => letter,
  fillRow(row, { letter, count }) {
    const { name, meaning } = states[letter]
    row.dataset['state'] = letter
    fill(row, { meaning: `${count} ${name}: ${meaning}` })
  },
})

/** @param {ClusterStatus} status */
export function showMap(status) {
  shown = status
  const { primaries, counts } = status.slots
  order = primaries.map((_, slot) => slot).toSorted((one, other) => rankOf(status, one) - rankOf(status, other))
  const any = Object.entries(counts).filter(([, count]) => count > 0)
  legend.show(any.map(([name, count]) => ({ letter: /** @type {keyof typeof states} */ (name[0]), count })))
  fill(byId('cluster'), { 'slots-in-all': String(primaries.length) })
  setText(byId('map-summary'), `By primary: ${primariesIn(status)}. The arrow keys lead from slot to slot.`)
  draw()
  describe()
}

/** @param {ClusterStatus} status */
function primariesIn({ hosts }) {
  const named = hosts.slice(0, mostNamed).map(({ name, primaryOf }) => `${name} ${primaryOf}`)
  const more = hosts.length - named.length
  return named.join(', ') + (more > 0 ? `; and ${more} more, in the table below` : '') || 'nobody'
}

/** @param {ClusterStatus} status @param {number} slot */
function rankOf({ slots: { primaries, states: letters }, hosts }, slot) {
  const primary = primaries[slot] ?? -1
  const host = primary < 0 ? hosts.length : primary
  return (host * 8 + stateOf(letters, slot).order) * 8192 + slot
}

/** @param {string} letters @param {number} slot */
function stateOf(letters, slot) {
  return states[/** @type {keyof typeof states} */ (letters[slot] ?? 'n')]
}

function columns() {
  return map.clientWidth < 600 ? 64 : 128
}

function draw() {
  if (!shown || map.clientWidth === 0) return
  const across = columns()
  const scale = devicePixelRatio
  const size = (map.clientWidth * scale) / across
  map.width = Math.round(map.clientWidth * scale)
  map.height = Math.round(size * Math.ceil(order.length / across))
  const pen = /** @type {CanvasRenderingContext2D} */ (map.getContext('2d'))
  const colours = [colourOf(-1), ...shown.hosts.map((_, index) => colourOf(index))]
  const gap = size > 4 * scale ? scale : 0
  for (const [at, slot] of order.entries()) {
    const state = stateOf(shown.slots.states, slot)
    const [x, y] = [(at % across) * size, Math.floor(at / across) * size]
    pen.fillStyle = state === states.d ? downColour() : (colours[(shown.slots.primaries[slot] ?? -1) + 1] ?? '')
    pen.fillRect(x, y, size - gap, size - gap)
    mark(pen, state.marks, x, y, size - gap)
  }
  if (cursor < 0 || document.activeElement !== map) return
  pen.lineWidth = 2 * scale
  pen.strokeStyle = getComputedStyle(map).color
  pen.strokeRect((cursor % across) * size, Math.floor(cursor / across) * size, size - gap, size - gap)
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {readonly string[]} marks
 * @param {number} x
 * @param {number} y
 * @param {number} size
 */
function mark(pen, marks, x, y, size) {
  if (marks.length === 0) return
  pen.strokeStyle = markColour()
  pen.lineWidth = Math.max(size / 6, 1)
  pen.beginPath()
  for (const form of marks) {
    pen.moveTo(x, form === '/' ? y + size : y)
    pen.lineTo(x + size, form === '/' ? y : y + size)
  }
  pen.stroke()
}

function describe() {
  const slot = order[cursor]
  if (!shown || slot === undefined) return setText(byId('slot'), '')
  const { name, meaning } = stateOf(shown.slots.states, slot)
  const primary = shown.hosts[shown.slots.primaries[slot] ?? -1]?.name ?? 'no host'
  setText(byId('slot'), `Slot ${slot}: ${primary}, ${name} (${meaning})`)
}

/** @param {number} to an index of `order` */
function moveTo(to) {
  cursor = Math.min(Math.max(to, 0), order.length - 1)
  draw()
  describe()
}

/** By key, how far the cursor goes. @type {Record<string, () => number>} */
const steps = {
  ArrowRight: () => 1,
  ArrowLeft: () => -1,
  ArrowDown: () => columns(),
  ArrowUp: () => -columns(),
  Home: () => -order.length,
  End: () => order.length,
}

map.addEventListener('keydown', (event) => {
  const step = steps[event.key]
  if (!step) return
  event.preventDefault()
  moveTo(cursor + step())
})
map.addEventListener('focus', () => moveTo(Math.max(cursor, 0)))
map.addEventListener('blur', draw)
map.addEventListener('pointermove', ({ offsetX, offsetY }) => {
  const size = map.clientWidth / columns()
  moveTo(Math.floor(offsetY / size) * columns() + Math.floor(offsetX / size))
})
new ResizeObserver(draw).observe(map)
whenColoursChange(draw)
