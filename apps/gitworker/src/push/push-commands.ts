import { LoopTurn } from '@sluice/shared/machine/loop-turn'
import { pktLength } from '@sluice/shared/git/pkt-line'
import type { RunJob } from '../process/job.ts'
import { isRefName } from './ref-target.ts'

/** What a push asks for: gitprotocol-pack(5), "Reference Update Request and Packfile Transfer". */
export type PushCommand = { readonly oldId: string; readonly newId: string; readonly ref: string }

export function isCreation({ oldId }: PushCommand): boolean {
  return isNull(oldId)
}

/** Whatever the old id is said to be: git deletes with a wrong one, too. */
export function isDeletion({ newId }: PushCommand): boolean {
  return isNull(newId)
}

/**
 * Reads the commands of a push as receive-pack does (read_head_info in builtin/receive-pack.c), from as much of its body
 * as there is. Where git would give up, or would take one form or the other, both count: what git may carry out is here.
 */
export class PushCommands {
  readonly commands: PushCommand[] = []
  /** `report-status`, `side-band-64k` …: git looks for them in every line. */
  readonly capabilities = new Set<string>()
  readonly #turn = new LoopTurn()
  #offset = 0
  #isWhole = false
  #isInCertificate = false
  #certificate = ''

  /** Whether all commands have been read, or something that git takes for no push: then it carries out none. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  /**
   * Reads on, for not too long at a time.
   *
   * @param body the push's body, from its beginning; no less of it than the time before
   * @returns whether there is more to be read in it at once
   */
  read(body: Buffer): boolean {
    const enough = this.#offset + inOneTurn
    while (!this.#isWhole && body.length >= this.#offset + 4) {
      if (this.#offset >= enough) return true
      const length = pktLength(body, this.#offset)
      // The delimiter and the end of a response end the list, too; of other lengths git dies.
      if (length === undefined || length < 4) return this.#end()
      const end = this.#offset + length
      if (body.length < end) return false
      if (length > 4) this.#readLine(body.toString('utf8', this.#offset + 4, end))
      this.#offset = end
    }
    return false
  }

  /** Reads all that is there, and lets others have the event loop meanwhile. @returns whether all commands have been read */
  async readOn(body: Buffer): Promise<boolean> {
    // Also between one call and the next: what has come already may be given to it without a turn of the loop.
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
    // git takes the end of the packet off, and then reads up to a NUL.
    const text = nul === -1 && line.endsWith('\n') ? line.slice(0, -1) : line
    if (text === 'push-cert') this.#isInCertificate = true
    else this.#readCommand(text)
  }

  #readCapabilities(features: string): void {
    const [words = ''] = features.split('\0', 1)
    for (const word of words.split(/\s+/)) if (word !== '') this.capabilities.add(word)
  }

  /** A signed push has its commands in a certificate, whose lines need not be those of the packets. */
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

/** In bytes. A client may send thousands of lines in so many. */
const inOneTurn = 16 * 1024

/** Two ids and a letter, with spaces between them. */
const shortestCommand = 83

/** An id is as long as the repository's object format has it: SHA-1 or SHA-256. */
const command = /^([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) ([^]+)$/i

function isNull(id: string): boolean {
  return /^0+$/.test(id)
}

const maxAskedFor = 100

/** The first commands in the beginning of a push's body, as far as they are there. */
export function pushCommands(beginning: Buffer): PushCommand[] {
  const reading = new PushCommands()
  while (reading.commands.length < maxAskedFor && reading.read(beginning));
  return reading.commands.slice(0, maxAskedFor)
}

/** Whether a reference is, or is not, as one of the commands wanted it: for a push whose client did not wait to hear it. */
export async function isCommitted(gitDir: string, commands: readonly PushCommand[], runJob: RunJob): Promise<boolean> {
  if (commands.length === 0) return false
  const refs = commands.map(({ ref }) => ref)
  const args = ['--git-dir', gitDir, 'for-each-ref', '--format=%(objectname) %(refname)', '--', ...refs]
  const lines = (await runJob(args)).split('\n')
  const now = new Map(lines.map((line) => [line.slice(line.indexOf(' ') + 1), line]))
  return commands.some((asked) => {
    if (isDeletion(asked)) return !isCreation(asked) && isRefName(asked.ref) && !now.has(asked.ref)
    return now.get(asked.ref) === `${asked.newId} ${asked.ref}`
  })
}
