import type { IncomingMessage, ServerResponse } from 'node:http'

/** The pause between two signs of life, at least. Milliseconds. */
export const signEveryMs = 250

/** What a primary tells with one line, and how it is answered. */
export type ToldLine<Told> = {
  readonly maxBytes: number
  /** Undefined for what no primary of this version tells. */
  readonly read: (line: string) => Told | undefined
  /** @param onProgress to be called whenever something has moved */
  readonly answer: (told: Told, onProgress: () => void) => Promise<object>
}

/** Answers with one line, and with empty ones before it while something moves. */
export async function answerTold<Told>(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { maxBytes, read, answer }: ToldLine<Told>,
): Promise<void> {
  const told = read((await readBody(incoming, maxBytes)) ?? '')
  if (!told) return refuse(outgoing, 400, 'This is not what a primary of this version tells its copies.')
  outgoing.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
  let signedAt = 0
  const onProgress = () => {
    if (performance.now() - signedAt < signEveryMs || outgoing.writableNeedDrain) return
    signedAt = performance.now()
    outgoing.write('\n')
  }
  outgoing.end(`${JSON.stringify(await answer(told, onProgress))}\n`)
}

/** @returns undefined for one that is too large */
export async function readBody(incoming: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

export function refuse(outgoing: ServerResponse, status: number, words: string): void {
  outgoing.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Connection': 'close' })
  outgoing.end(`${words}\n`)
}

/** What an error says, and what it was caused by: a refusal alone says nothing about the repository. */
export function messageOf(error: unknown, causes = 5): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause === undefined || causes === 0) return error.message
  return `${error.message}: ${messageOf(error.cause, causes - 1)}`
}
