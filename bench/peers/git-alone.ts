import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BodyEnds } from '../load/body-ends.ts'
import { checkBody } from '../load/check-reply.ts'
import type { Client } from '../load/client.ts'
import type { GitRequest } from '../load/git-request.ts'
import type { Contestant, Place } from './contestant.ts'
import { gitInstallation } from './git-installation.ts'
import { cpuTimeOf } from './processes.ts'

/** A shell starts each git, because its fork costs a tenth of one of this process. */
const script = `
while read -r service && read -r protocol && read -r repository && read -r input; do
  export GIT_PROTOCOL="$protocol"
  if [ "$input" = - ]; then
    git "$service" --stateless-rpc --http-backend-info-refs "$repository" </dev/null
  else
    git "$service" --stateless-rpc "$repository" <"$input"
  fi
  printf 'git ended with %03d' "$?"
done`
const endLine = /git ended with (\d{3})$/

/** The floor: what git itself takes for the same bytes, without any server. */
export async function startGitAlone({ root, folder }: Place): Promise<Contestant> {
  const { version } = await gitInstallation()
  const lanes: Lane[] = []
  const idle: Lane[] = []
  return {
    name: 'git',
    title: 'git alone',
    version,
    cpu: async () => ({ git: cpuTimeOf(lanes.flatMap(({ pid }) => pid ?? [])).children }),
    // Shells are kept, because their start is not part of what git takes.
    open: async () => {
      const lane = idle.pop() ?? new Lane(root, join(folder, `lane-${lanes.length}`), (it) => idle.push(it))
      if (!lanes.includes(lane)) lanes.push(lane)
      return lane
    },
    address: (repository) => join(root, repository),
    [Symbol.asyncDispose]: async () => void (await Promise.all(lanes.map((lane) => lane.end()))),
  }
}

class Lane implements Client {
  readonly #root: string
  readonly #prefix: string
  readonly #release: (lane: Lane) => void
  readonly #files = new WeakMap<GitRequest, string>()
  #written = 0
  #shell: ChildProcess | undefined
  #body = new BodyEnds()
  #settle: ((error?: Error) => void) | undefined

  constructor(root: string, prefix: string, release: (lane: Lane) => void) {
    this.#root = root
    this.#prefix = prefix
    this.#release = release
  }

  get pid(): number | undefined {
    return this.#shell?.pid
  }

  async ask(request: GitRequest): Promise<void> {
    const input = await this.#inputOf(request)
    const protocol = request.protocol === 2 ? 'version=2' : ''
    const shell = (this.#shell ??= this.#start())
    this.#body = new BodyEnds()
    const ended = new Promise<void>((resolve, reject) => {
      this.#settle = (error) => (error ? reject(error) : resolve())
    })
    shell.stdin!.write(`${request.service}\n${protocol}\n${join(this.#root, request.repository)}\n${input}\n`)
    await ended
    const [line, code] = endLine.exec(this.#body.last)!
    if (Number(code) !== 0) throw new Error(`git ${request.service} ended with ${Number(code)}.`)
    checkBody(request, this.#body.withoutLast(line.length))
  }

  [Symbol.dispose](): void {
    this.#release(this)
  }

  async end(): Promise<void> {
    const shell = this.#shell
    if (!shell || shell.exitCode !== null) return
    const exited = new Promise((resolve) => shell.once('exit', resolve))
    shell.stdin!.end()
    await exited
  }

  async #inputOf(request: GitRequest): Promise<string> {
    if (!request.body) return '-'
    if ('file' in request.body) return request.body.file
    const known = this.#files.get(request)
    if (known !== undefined) return known
    const file = `${this.#prefix}-${this.#written++}`
    await writeFile(file, request.body)
    this.#files.set(request, file)
    return file
  }

  #start(): ChildProcess {
    const env = { PATH: process.env['PATH'] ?? '' }
    const shell = spawn('sh', ['-c', script], { env, stdio: ['pipe', 'pipe', 'inherit'] })
    shell.stdout.on('data', (chunk: Buffer) => {
      this.#body.add(chunk, 0, chunk.length)
      if (endLine.test(this.#body.last)) this.#settle?.()
    })
    shell.on('error', (error) => this.#settle?.(error))
    shell.on('exit', () => this.#settle?.(new Error('The shell has ended.')))
    return shell
  }
}
