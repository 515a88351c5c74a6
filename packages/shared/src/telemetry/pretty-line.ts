/**
 * A line of the log for people: who did what to which repository, how it ended, how long it took, and how much it
 * moved. The JSON form has everything.
 */

/** With the time and the level in front, a line has at most 120 columns. */
export const prettyLineColumns = 100

type Fields = Readonly<Record<string, unknown>>

/** @param fields a line of the log as an object, with its text in `msg` */
export function prettyLine(fields: Fields): string {
  const { app, msg, outcome } = fields
  const said = outcome === undefined ? `${textOf(msg)}${rest(fields)}` : requestLine(fields)
  return cut(`${(app === 'supervisor' ? 'host' : textOf(app)).padEnd(7)} ${said}`, prettyLineColumns)
}

function requestLine(fields: Fields): string {
  const { user, client, repository, outcome, reason, ms, bytesIn, bytesOut } = fields
  const ending = reason === undefined ? textOf(outcome) : textOf(reason)
  const moved = `${size(bytesIn)} ↑ ${size(bytesOut)} ↓`
  return [
    cut(textOf(user ?? client), 12).padEnd(12),
    whatOf(fields).padEnd(9),
    cutMiddle(textOf(repository ?? '-'), 24).padEnd(24),
    cut(ending, 15).padEnd(15),
    `${Math.round(Number(ms))} ms`.padStart(10),
    moved,
  ].join(' ')
}

/** A fetch has three requests and a push has two. The last of each does the work. */
function whatOf({ service, kind, command }: Fields): string {
  if (service === undefined) return 'other'
  if (kind === 'archive' || kind === 'bundle') return kind
  const verb = service === 'receive-pack' ? 'push' : 'fetch'
  if (kind === 'advertisement') return verb === 'push' ? 'push refs' : 'refs'
  return command === 'ls-refs' ? 'refs' : verb
}

/** The facts beside a sentence. Times, pids and the like are left to the JSON form. */
function rest(fields: Fields): string {
  const told = Object.entries(fields).filter(([name, value]) => !hidden.has(name) && isPlain(value))
  const { err } = fields
  const error = typeof err === 'object' && err !== null && 'message' in err ? [`(${textOf(err.message)})`] : []
  return ['', ...told.map(([name, value]) => `${name}=${textOf(value)}`), ...error].join(' ')
}

const hidden = new Set(['level', 'time', 'pid', 'app', 'hostname', 'msg', 'v', 'err'])

function isPlain(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value) || isListOfTexts(value)
}

function isListOfTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** Three digits and a unit, in powers of 1,000. */
function size(bytes: unknown): string {
  let value = typeof bytes === 'number' ? bytes : 0
  let unit = 0
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

/** On one line, and without what controls a terminal: clients choose some of the names. */
function textOf(value: unknown): string {
  if (isListOfTexts(value)) return textOf(value.join(' '))
  const text =
    typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'boolean' ? `${value}` : ''
  return text.slice(0, 1000).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
}

function cut(text: string, columns: number): string {
  return text.length > columns ? `${text.slice(0, columns - 1)}…` : text
}

/** The end of a repository's name says most, and its beginning says whose it is: both are kept. */
function cutMiddle(text: string, columns: number): string {
  if (text.length <= columns) return text
  const tail = Math.ceil((columns - 1) / 2)
  return `${text.slice(0, columns - 1 - tail)}…${text.slice(-tail)}`
}
