import { LoopTurn } from '@sluice/shared/machine/loop-turn'
import { pktLength } from '@sluice/shared/git/pkt-line'
import type { RunJob } from '../process/job/job.ts'
import { isRefName } from '../git/ref-name.ts'
import { refValues } from './ref-values.ts'

/** One update that a push asks for: gitprotocol-pack(5), "Reference Update Request and Packfile Transfer". */
export type PushCommand = { readonly oldId: string; readonly newId: string; readonly ref: string }

export function isCreation({ oldId }: PushCommand): boolean {
  return isNull(oldId)
}

/** The old id does not matter: git deletes even if it is wrong. */
export function isDeletion({ newId }: PushCommand): boolean {
  return isNull(newId)
}

/**
 * Reads the commands of a push as receive-pack does (read_head_info in builtin/receive-pack.c), from as much of its body as
 * has arrived. Whatever git might carry out is among the commands. So where git might give up, reading goes on, and where
 * git would read one of two forms, both are read.
 */
export class PushCommands {
  readonly commands: PushCommand[] = []
  /** `report-status`, `side-band-64k` and others. git looks for them in every line. */
  readonly capabilities = new Set<string>()
  readonly #encoding: 'utf8' | 'latin1'
  readonly #turn = new LoopTurn()
  #offset = 0
  #isWhole = false
  #isInCertificate = false
  #certificate = ''

  /** @param encoding of names; `latin1` gives one character for each byte */
  constructor(encoding: 'utf8' | 'latin1' = 'utf8') {
    this.#encoding = encoding
  }

  /** In bytes, how much of the body has been read as commands. */
  get length(): number {
    return this.#offset
  }

  /** Whether all commands have been read. Also true for a body that git does not take for a push: it carries out nothing. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  /**
   * Reads on, for a bounded time.
   *
   * @param body the push's body from its beginning, at least as much as the time before
   * @returns whether more could be read from it right away
   */
  read(body: Buffer): boolean {
    const enough = this.#offset + inOneTurn
    while (!this.#isWhole && body.length >= this.#offset + 4) {
      if (this.#offset >= enough) return true
      const length = pktLength(body, this.#offset)
      // A delimiter and a response-end packet also end the list. git dies of invalid lengths.
      if (length === undefined || length < 4) return this.#end()
      const end = this.#offset + length
      if (body.length < end) return false
      if (length > 4) this.#readLine(body.toString(this.#encoding, this.#offset + 4, end))
      this.#offset = end
    }
    return false
  }

  /** Reads all of it, and lets others have the event loop in between. @returns whether all commands have been read */
  async readOn(body: Buffer): Promise<boolean> {
    // Also before the first read: several calls may follow each other within one turn of the loop.
    do await this.#turn.letOthers()
    while (this.read(body))
    return this.#isWhole
  }

  #readLine(payload: string): void {
    const nul = payload.indexOf('\0')
    const line = nul === -1 ? payload : payload.slice(0, nul)
    if (this.#isInCertificate) {
      if (line === 'push-cert-end\n') this.#isInCertificate = false
      else this.#certificate += line
      return
    }
    if (nul !== -1) this.#readCapabilities(payload.slice(nul + 1))
    // git removes a line feed at the end of the packet, and then reads up to a NUL.
    const text = nul === -1 && line.endsWith('\n') ? line.slice(0, -1) : line
    if (text === 'push-cert') this.#isInCertificate = true
    else this.#readCommand(text)
  }

  #readCapabilities(features: string): void {
    const [words = ''] = features.split('\0', 1)
    for (const word of words.split(/\s+/)) if (word !== '') this.capabilities.add(word)
  }

  /** A signed push has its commands in a certificate. A line of it may span packets. */
  #end(): false {
    this.#isWhole = true
    for (const line of this.#certificate.split(/\n+/)) this.#readCommand(line)
    return false
  }

  #readCommand(line: string): void {
    if (line.length < shortestCommand) return
    const [, oldId, newId, ref] = command.exec(line) ?? []
    if (oldId !== undefined && newId !== undefined && ref !== undefined) this.commands.push({ oldId, newId, ref })
  }
}

/** In bytes, which may be thousands of lines. */
const inOneTurn = 16 * 1024

/** Two SHA-1 ids and a name of one letter, with spaces between them. */
const shortestCommand = 83

/** Ids are those of SHA-1 or SHA-256. */
const command = /^([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) ([^]+)$/i

function isNull(id: string): boolean {
  return /^0+$/.test(id)
}

const maxAskedFor = 100

/** The first commands of a push, as far as the beginning of its body contains them. */
export function pushCommands(beginning: Buffer): PushCommand[] {
  const reading = new PushCommands()
  while (reading.commands.length < maxAskedFor && reading.read(beginning));
  return reading.commands.slice(0, maxAskedFor)
}

/** Whether at least one of the commands has taken effect, judging by what the references are now. */
export async function isCommitted(gitDir: string, commands: readonly PushCommand[], runJob: RunJob): Promise<boolean> {
  if (commands.length === 0) return false
  const refs = commands.map(({ ref }) => Buffer.from(ref).toString('latin1'))
  const now = await refValues(gitDir, refs, runJob)
  return commands.some((asked, index) => {
    const ref = refs[index]!
    if (isDeletion(asked)) return !isCreation(asked) && isRefName(asked.ref) && now.get(ref) === undefined
    return now.get(ref) === asked.newId
  })
}
