import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { temporaryFolder } from './folder.ts'

const answerWithinMs = 60_000
const closeWithinMs = 10_000

/** `--no-sandbox` because its sandbox needs rights that a container seldom has; nothing but the tests' own pages is opened. */
const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-breakpad',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--no-proxy-server',
  '--remote-debugging-pipe',
]

/** The first `chromium` in PATH. */
export function findChromium(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean)
  return folders.map((folder) => join(folder, 'chromium')).find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

type Params = Readonly<Record<string, unknown>>
type Message = {
  readonly id?: number
  readonly sessionId?: string
  readonly method?: string
  readonly params?: Params
  readonly result?: Params
  readonly error?: { readonly message: string }
}

/**
 * A headless Chromium with a profile of its own, driven through the Chrome DevTools Protocol:
 * https://chromedevtools.github.io/devtools-protocol/. Messages are JSON with a NUL behind each, on the file descriptors
 * 3 (to Chromium) and 4.
 */
export class Chromium implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #folder: AsyncDisposable
  readonly #ended: Promise<never>
  readonly #calls = new Map<number, (message: Message) => void>()
  readonly #pages = new Map<string, Page>()
  #lastId = 0

  private constructor(child: ChildProcess, folder: AsyncDisposable) {
    this.#child = child
    this.#folder = folder
    this.#ended = once(child, 'exit').then(() => Promise.reject(new Error('Chromium has ended.')))
    this.#ended.catch(() => {})
    let rest = ''
    const fromChromium = child.stdio[4] as Readable
    fromChromium.setEncoding('utf8').on('data', (text: string) => {
      const messages = (rest + text).split('\0')
      rest = messages.pop() ?? ''
      for (const message of messages) this.#receive(JSON.parse(message) as Message)
    })
    // A Chromium that is gone is told of by its end.
    ;(child.stdio[3] as Writable).on('error', () => {})
  }

  static async start(executable: string): Promise<Chromium> {
    const folder = await temporaryFolder()
    const child = spawn(executable, [...flags, `--user-data-dir=${join(folder.path, 'profile')}`, 'about:blank'], {
      // A group of its own, so that nothing of it is left when the group is killed.
      detached: true,
      env: { PATH: process.env['PATH'], HOME: folder.path, TMPDIR: folder.path },
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    })
    const chromium = new Chromium(child, folder)
    try {
      await once(child, 'spawn')
      await chromium.send('Browser.getVersion')
      return chromium
    } catch (error) {
      await chromium[Symbol.asyncDispose]()
      throw error
    }
  }

  /** @param features of media queries, such as `prefers-color-scheme` */
  async open(
    url: string,
    { width, height, features = {} }: { width: number; height: number; features?: Record<string, string> },
  ): Promise<Page> {
    const { targetId } = (await this.send('Target.createTarget', { url: 'about:blank' })) as { targetId: string }
    const attached = await this.send('Target.attachToTarget', { targetId, flatten: true })
    const { sessionId } = attached as { sessionId: string }
    const page = new Page(
      (method, params) => this.send(method, params, sessionId),
      async () => void (await this.send('Target.closeTarget', { targetId })),
    )
    this.#pages.set(sessionId, page)
    for (const domain of ['Page', 'Runtime', 'Log']) await page.send(`${domain}.enable`)
    await page.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 600 })
    await page.send('Emulation.setFocusEmulationEnabled', { enabled: true })
    await page.send('Emulation.setEmulatedMedia', {
      features: Object.entries(features).map(([name, value]) => ({ name, value })),
    })
    await page.send('Page.navigate', { url })
    return page
  }

  /** @throws when Chromium says that it failed, or does not answer in time */
  async send(method: string, params: Params = {}, sessionId?: string): Promise<Params> {
    const id = ++this.#lastId
    const { promise, resolve, reject } = Promise.withResolvers<Message>()
    this.#calls.set(id, resolve)
    const timer = setTimeout(
      () => reject(new Error(`Chromium did not answer ${method} in ${answerWithinMs} ms.`)),
      answerWithinMs,
    )
    ;(this.#child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    try {
      const { result, error } = await Promise.race([promise, this.#ended])
      if (error) throw new Error(`${method}: ${error.message}`)
      return result ?? {}
    } finally {
      clearTimeout(timer)
      this.#calls.delete(id)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { pid } = this.#child
    if (pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit')
      const timer = setTimeout(() => process.kill(-pid, 'SIGKILL'), closeWithinMs)
      ;(this.#child.stdio[3] as Writable).write(`${JSON.stringify({ id: 0, method: 'Browser.close' })}\0`)
      await exited
      clearTimeout(timer)
    }
    if (pid !== undefined) killWhatIsLeft(pid)
    await this.#folder[Symbol.asyncDispose]()
  }

  #receive(message: Message): void {
    if (message.id !== undefined) this.#calls.get(message.id)?.(message)
    else if (message.sessionId !== undefined) this.#pages.get(message.sessionId)?.receive(message)
  }
}

function killWhatIsLeft(group: number): void {
  try {
    process.kill(-group, 'SIGKILL')
  } catch {
    // Nothing was left.
  }
}

export type LogEntry = { readonly source: string; readonly level: string; readonly text: string }

export class Page implements AsyncDisposable {
  /** Exceptions, console errors, and what Chromium itself has to say: refused loads and violations of the policy. */
  readonly problems: LogEntry[] = []
  readonly send: (method: string, params?: Params) => Promise<Params>
  readonly #close: () => Promise<void>

  constructor(send: Page['send'], close: () => Promise<void>) {
    this.send = send
    this.#close = close
  }

  receive({ method, params }: Message): void {
    if (method === 'Log.entryAdded') this.problems.push(params?.['entry'] as LogEntry)
    const isError = method === 'Runtime.consoleAPICalled' && ['error', 'warning'].includes(String(params?.['type']))
    if (method !== 'Runtime.exceptionThrown' && !isError) return
    this.problems.push({ source: 'javascript', level: 'error', text: JSON.stringify(params) })
  }

  /** The value of an expression, or of the promise that it is. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })) as { result: { value: T }; exceptionDetails?: unknown }
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`)
    return result.value
  }

  /** What is to be read of what the selector finds first; nothing where it is hidden or missing. */
  text(selector: string): Promise<string> {
    return this.evaluate(`(() => {
      const element = document.querySelector(${JSON.stringify(selector)})
      return element?.checkVisibility() ? element.innerText : ''
    })()`)
  }

  async press(key: 'Tab' | 'Enter'): Promise<void> {
    const codes = { Tab: 9, Enter: 13 }
    const event = { key, code: key, windowsVirtualKeyCode: codes[key], ...(key === 'Enter' && { text: '\r' }) }
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', ...event })
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close()
  }
}
