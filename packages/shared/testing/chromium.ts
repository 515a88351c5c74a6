import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { launch } from 'puppeteer-core'
import type { Browser, CDPSession, Page as BrowserPage, Protocol } from 'puppeteer-core'
import { temporaryFolder } from './folder.ts'

const answerWithinMs = 60_000

/**
 * `--no-sandbox` because the sandbox needs rights that containers seldom have. Only the tests' own pages are opened.
 */
const flags = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-proxy-server']

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

/** A headless Chromium with a profile of its own. */
export class Chromium implements AsyncDisposable {
  readonly #browser: Browser
  readonly #folder: AsyncDisposable

  private constructor(browser: Browser, folder: AsyncDisposable) {
    this.#browser = browser
    this.#folder = folder
  }

  static async start(executable: string): Promise<Chromium> {
    const folder = await temporaryFolder()
    try {
      const browser = await launch({
        executablePath: executable,
        args: flags,
        pipe: true,
        userDataDir: join(folder.path, 'profile'),
        env: { PATH: process.env['PATH'], HOME: folder.path, TMPDIR: folder.path },
        timeout: answerWithinMs,
        protocolTimeout: answerWithinMs,
      })
      return new Chromium(browser, folder)
    } catch (error) {
      await folder[Symbol.asyncDispose]()
      throw error
    }
  }

  /** @param features of media queries, such as `prefers-color-scheme` */
  async open(
    url: string,
    { width, height, features = {} }: { width: number; height: number; features?: Record<string, string> },
  ): Promise<Page> {
    const page = await this.#browser.newPage()
    await page.setViewport({ width, height, isMobile: width < 600 })
    const session = await page.createCDPSession()
    const opened = new Page(page, session)
    for (const domain of ['Log', 'Runtime'] as const) await session.send(`${domain}.enable`)
    await session.send('Emulation.setFocusEmulationEnabled', { enabled: true })
    await session.send('Emulation.setEmulatedMedia', {
      features: Object.entries(features).map(([name, value]) => ({ name, value })),
    })
    await page.goto(url, { waitUntil: 'domcontentloaded' })
    return opened
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close()
    await this.#folder[Symbol.asyncDispose]()
  }
}

export type LogEntry = { readonly source: string; readonly level: string; readonly text: string }

export class Page implements AsyncDisposable {
  /** Exceptions, console errors, and Chromium's own reports: refused loads and violations of the policy. */
  readonly problems: LogEntry[] = []
  readonly session: CDPSession
  readonly #page: BrowserPage

  constructor(page: BrowserPage, session: CDPSession) {
    this.#page = page
    this.session = session
    session.on('Log.entryAdded', ({ entry }: Protocol.Log.EntryAddedEvent) => this.problems.push(entry))
    page.on('pageerror', (error) => this.#note(String(error)))
    session.on('Runtime.consoleAPICalled', ({ type, args }: Protocol.Runtime.ConsoleAPICalledEvent) => {
      if (type === 'error' || type === 'warning') this.#note(JSON.stringify(args))
    })
  }

  /** The value of an expression, awaited if it is a promise. */
  async evaluate<T>(expression: string): Promise<T> {
    return (await this.#page.evaluate(expression)) as T
  }

  /** The visible text of the first element that matches; empty if it is hidden or missing. */
  text(selector: string): Promise<string> {
    return this.evaluate(`(() => {
      const element = document.querySelector(${JSON.stringify(selector)})
      return element?.checkVisibility() ? element.innerText : ''
    })()`)
  }

  async reload(): Promise<void> {
    await this.#page.reload({ waitUntil: 'domcontentloaded' })
  }

  press(key: 'Tab' | 'Enter'): Promise<void> {
    return this.#page.keyboard.press(key)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#page.close()
  }

  #note(text: string): void {
    this.problems.push({ source: 'javascript', level: 'error', text })
  }
}
