import type { Surroundings } from '../call/surroundings.ts'

/** The terminal as a whole, until disposed of: then it is as it was. */
export type TakenScreen = Disposable & {
  /** Aborted when the user wants to end: with q, Ctrl-C, or by a signal. */
  readonly over: AbortSignal
  draw(lines: readonly string[]): void
  onResize(listener: () => void): void
}

/* Sequences of xterm, which other terminals know, too: the other screen, no cursor, and no line breaks of its own. */
const take = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const giveBack = '\x1b[?7h\x1b[?25h\x1b[?1049l'
const toTop = '\x1b[H'
const clearToEndOfLine = '\x1b[K'

/** The last two are Ctrl-C and Ctrl-D. */
const endingKeys = ['q', 'Q', '\x03', '\x04']
const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export function takeScreen({ stdin, stdout }: Surroundings): TakenScreen {
  const ending = new AbortController()
  const end = () => ending.abort()
  const listeners: (() => void)[] = []
  const onKey = (keys: Buffer | string) => {
    if (endingKeys.some((key) => keys.toString().includes(key))) end()
  }
  const { isTTY: hasKeys } = stdin
  if (hasKeys) stdin.setRawMode(true).on('data', onKey).resume()
  for (const signal of endingSignals) process.on(signal, end)
  stdout.write(take)
  const restore = () => {
    stdout.write(giveBack)
    if (hasKeys) stdin.setRawMode(false)
  }
  // For an end that nobody has planned.
  process.once('exit', restore)
  return {
    over: ending.signal,
    draw: (lines) => stdout.write(toTop + lines.map((line) => line + clearToEndOfLine).join('\r\n')),
    onResize(listener) {
      process.on('SIGWINCH', listener)
      listeners.push(listener)
    },
    [Symbol.dispose]() {
      process.off('exit', restore)
      restore()
      if (hasKeys) stdin.off('data', onKey).pause()
      for (const signal of endingSignals) process.off(signal, end)
      for (const listener of listeners) process.off('SIGWINCH', listener)
    },
  }
}
