import { StringDecoder } from 'node:string_decoder'
import type { Surroundings } from '../call/surroundings.ts'
import { CommandError } from '../output/failure.ts'

const longest = 4096

/** Asks on a terminal for text that is not shown. Until it is disposed of, the terminal shows nothing that is typed. */
export type HiddenPrompt = Disposable & { ask(question: string): Promise<string> }

export function openHiddenPrompt({ stdin, stderr }: Pick<Surroundings, 'stdin' | 'stderr'>): HiddenPrompt {
  const decoder = new StringDecoder('utf8')
  /** What was typed ahead of the next question. */
  let ahead = ''
  stdin.setRawMode(true)
  return {
    async ask(question) {
      stderr.write(question)
      const line = { text: '' }
      try {
        for (;;) {
          const { isWhole, rest } = typeInto(line, ahead)
          ahead = rest
          if (isWhole) return line.text
          ahead += decoder.write(await nextChunk(stdin))
        }
      } finally {
        stderr.write('\n')
      }
    },
    [Symbol.dispose]() {
      stdin.setRawMode(false)
      stdin.pause()
    },
  }
}

const escape = '\u001b'
/** What arrows, function keys and the like send (ECMA-48). */
const specialKeys = new RegExp(`${escape}(?:\\[[0-9;?]*[@-~]|O.)`, 'g')

/**
 * Takes keys as a terminal's own line editor would: backspace, Ctrl-U, Ctrl-C, Ctrl-D. Arrows and the like are not
 * heeded.
 *
 * @throws {CommandError} on Ctrl-C, and on Ctrl-D
 */
function typeInto(line: { text: string }, keys: string): { isWhole: boolean; rest: string } {
  const known = Array.from(keys.replaceAll(specialKeys, ''))
  for (const [at, key] of known.entries()) {
    if (key === '\r' || key === '\n') return { isWhole: true, rest: known.slice(at + 1).join('') }
    if (key === '\u0003' || key === '\u0004') throw new CommandError('No password was given: nothing was changed.')
    if (key === '\u0015') line.text = ''
    else if (key === '\u007f' || key === '\b') line.text = Array.from(line.text).slice(0, -1).join('')
    else if (line.text.length < longest) line.text += key
  }
  return { isWhole: false, rest: '' }
}

/** @throws {CommandError} where the terminal is gone */
function nextChunk(stdin: NodeJS.ReadStream): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const isGone = () => reject(new CommandError('The terminal is gone: nothing was changed.'))
    stdin.once('end', isGone)
    stdin.once('error', isGone)
    stdin.once('data', (chunk: Buffer) => {
      stdin.off('end', isGone)
      stdin.off('error', isGone)
      stdin.pause()
      resolve(Buffer.from(chunk))
    })
    stdin.resume()
  })
}
