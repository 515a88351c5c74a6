import type { Sink } from './sink.ts'
import type { Failure } from './failure.ts'
import { paintFor } from './paint.ts'
import type { Paint } from './paint.ts'

/** What a command found or did. It is shown in one of two forms. */
export type Report = {
  /** With --json: one document, whose names are stable. */
  readonly document: unknown
  /** Otherwise: lines for people. Empty where there is nothing to say. */
  readonly text: (screen: Screen) => string
  /** Where the command did its work and found fault. 0 if not given. */
  readonly exitCode?: number
}

/** What lines for people may count on. */
export type Screen = {
  /** In characters; undefined where lines may be of any length. */
  readonly columns: number | undefined
  readonly paint: Paint
}

export function showReport(report: Report, json: boolean, stdout: Sink): void {
  const text = json ? documentText(report.document) : report.text(screenOf(stdout))
  if (text !== '') stdout.write(text.endsWith('\n') ? text : `${text}\n`)
}

export function showFailure(failure: Failure, json: boolean, stdout: Sink, stderr: Sink): void {
  const { kind, message, problems, help } = failure
  if (json) {
    stdout.write(documentText({ error: { kind, message, problems } }))
    return
  }
  if (help !== undefined) stderr.write(`${help}\n`)
  stderr.write(`${screenOf(stderr).paint('red', 'error:')} ${message}\n`)
}

export function screenOf(sink: Sink): Screen {
  return { columns: sink.isTTY ? sink.columns : undefined, paint: paintFor(sink) }
}

function documentText(document: unknown): string {
  return `${JSON.stringify(document, undefined, 2)}\n`
}
