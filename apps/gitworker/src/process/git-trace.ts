import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { within } from '@sluice/shared/machine/race'

/*
 * Reads the trace that git writes to a file, and bounds what it takes: a trace of a fetch can have as many lines as the
 * repository has references. git appends, so that what follows a truncation stands at the file's new end.
 */

/** How often the file is read. */
const everyMs = 100

/** At most so much is read each time. */
const maxReadBytes = 256 * 1024

/** When the file is larger, it is emptied, whether all of it has been read or not. */
const maxFileBytes = 1024 * 1024

/** Of one command, at most so many lines are passed on, and so much of each. */
const maxLines = 1000
const maxLineLength = 1000

type OnLine = (line: string) => void

/**
 * Follows a trace until its command has ended, and then removes it.
 *
 * @param file where git is going to write; it is made here, since git would tell its client if it could not make it
 * @returns false if it cannot be made
 */
export function followTrace(file: string, ended: Promise<void>, onLine: OnLine): boolean {
  try {
    writeFileSync(file, '', { flag: 'wx', mode: 0o600 })
  } catch {
    return false
  }
  // On a disk that has become read-only, the file stays.
  follow(file, ended, onLine).catch(() => {})
  return true
}

async function follow(file: string, ended: Promise<void>, onLine: OnLine): Promise<void> {
  const lines = new TraceLines(onLine)
  const isEnded = ended.then(() => true)
  let offset = 0
  try {
    for (let isOver = false; !isOver;) {
      isOver = await within(everyMs, isEnded, false)
      const { bytes, next } = await readOn(file, offset)
      lines.add(bytes)
      offset = next
    }
    lines.end()
  } catch {
    // A disk that fails has no trace to show.
  } finally {
    rmSync(file, { force: true })
  }
}

/** @returns what has been written since, and where to read on */
async function readOn(file: string, offset: number): Promise<{ bytes: Buffer; next: number }> {
  await using trace = await open(file, 'r+')
  const { buffer, bytesRead } = await trace.read(Buffer.alloc(maxReadBytes), 0, maxReadBytes, offset)
  const isTooLong = (await trace.stat()).size > maxFileBytes
  if (isTooLong) await trace.truncate()
  return { bytes: buffer.subarray(0, bytesRead), next: isTooLong ? 0 : offset + bytesRead }
}

/** Passes on the trace in a request's note (request-note.ts), which stands behind a line that is not git's. */
export function readNotedTrace(file: string, onLine: OnLine): void {
  try {
    const bytes = readFileSync(file)
    const lines = new TraceLines(onLine)
    lines.add(bytes.subarray(bytes.indexOf('\n') + 1))
    lines.end()
  } catch {
    // It could not be written.
  }
}

class TraceLines {
  readonly #onLine: OnLine
  readonly #decoder = new TextDecoder()
  #count = 0
  #rest = ''

  constructor(onLine: OnLine) {
    this.#onLine = onLine
  }

  add(bytes: Buffer): void {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split('\n')
    this.#rest = lines.pop()!.slice(0, maxLineLength)
    for (const line of lines) this.#pass(line)
  }

  end(): void {
    if (this.#rest !== '') this.#pass(this.#rest)
  }

  #pass(line: string): void {
    this.#count++
    if (this.#count <= maxLines) this.#onLine(withoutSecrets(line.slice(0, maxLineLength)))
    else if (this.#count === maxLines + 1) this.#onLine(`… the rest of the trace is left out after ${maxLines} lines`)
  }
}

/**
 * Leaves out passwords, as in the address of a remote (`https://user:password@example.org`), and push options, which git
 * shows as variables that its hooks get, in quotes as for a shell. Clients use them for tokens.
 */
function withoutSecrets(line: string): string {
  return line
    .replaceAll(/(:\/\/[^\s/:@]*):[^\s/@]*@/g, '$1:…@')
    .replaceAll(/\b(GIT_PUSH_OPTION_\d+)=(?:'[^']*(?:'|$)|\\.|[^\s'\\])*/g, '$1=…')
}
