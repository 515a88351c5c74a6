import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { until } from '@sluice/shared/testing/until'
import type { FailureStatus, HostStatus, RequestStatus } from '../../src/operations/host-status.ts'
import { statusFiles } from '../../src/operations/status-files.ts'
import { Chromium, findChromium } from '@sluice/shared/testing/chromium'
import type { Page } from '@sluice/shared/testing/chromium'

const request: RequestStatus = {
  requestId: '0b7c1f7e',
  repository: 'team/project.git',
  service: 'upload-pack',
  kind: 'rpc',
  client: '192.0.2.7',
  ageMs: 1234,
  bytesIn: 512,
  bytesOut: 5_767_168,
  user: 'ada',
  phase: 'serving',
  worker: 4711,
}

const failure: FailureStatus = {
  at: '2026-03-04T05:02:57.000Z',
  requestId: 'f00d',
  repository: 'team/broken.git',
  service: 'receive-pack',
  client: '2001:db8::17',
  outcome: 'timed_out',
  reason: 'idle_timeout',
  said: undefined,
  status: 504,
  ms: 190_000,
}

const calm: HostStatus = {
  at: '2026-03-04T05:06:07.000Z',
  facts: { version: '1.2.3', git: '2.53.0', runtime: 'bun 1.4.5', root: '/srv/git' },
  uptimeSeconds: 93_784,
  memoryBytes: 88 * 2 ** 20,
  ready: true,
  reason: undefined,
  workers: { starting: 1, idle: 4, serving: 6, draining: 0, stopping: 2 },
  lanes: [
    { lane: 'fetch', slots: 8, configured: 8, running: 6, waiting: 0, queueLength: 64 },
    { lane: 'push', slots: 2, configured: 4, running: 1, waiting: 32, queueLength: 32 },
  ],
  requests: [],
  requestsInAll: 0,
  failures: [],
  disks: [
    { disk: 'root', freeBytes: 3 * 2 ** 30, totalBytes: 2 ** 40, freeInodes: 1000, totalInodes: 2000 },
    { disk: 'run', freeBytes: 5 * 2 ** 20, totalBytes: 2 ** 30, freeInodes: undefined, totalInodes: undefined },
  ],
  maintenance: { waiting: 0, running: [] },
  mirrors: undefined,
  events: undefined,
  leaked: { processes: 0, zombies: 0 },
}

const busy: HostStatus = { ...calm, requests: [request], requestsInAll: 1, failures: [failure] }

const longName = `${'a'.repeat(240)}/${'b'.repeat(240)}.git`

const extreme: HostStatus = {
  ...busy,
  facts: { ...calm.facts, root: `/${'r'.repeat(300)}` },
  ready: false,
  reason: 'x'.repeat(200),
  requests: [{ ...request, repository: longName, client: 's'.repeat(100), requestId: 'i'.repeat(128) }],
  failures: [
    { ...failure, repository: longName, client: 's'.repeat(100), reason: 'r'.repeat(100), said: 'w'.repeat(2048) },
  ],
  leaked: { processes: 2, zombies: 1 },
}

/** Serves the page as the supervisor does, with the status that a test sets. */
class ScriptedSupervisor implements AsyncDisposable {
  behaviour: 'answers' | 'is silent' | 'hangs up' | 'is broken' = 'answers'
  /** The number of requests for the status. */
  asked = 0
  /** The largest number of them under way at the same time. */
  mostUnderWay = 0
  #status: HostStatus
  readonly #underWay = new Set<ServerResponse>()
  readonly #server = createServer((incoming, outgoing) => this.#serve(incoming, outgoing))

  constructor(status: HostStatus) {
    this.#status = status
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/-/status`
  }

  now(status: HostStatus): void {
    this.#status = status
  }

  /** Answers the requests that wait, and all later ones. */
  answerAll(): void {
    this.behaviour = 'answers'
    for (const outgoing of this.#underWay) this.#answer(outgoing)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #serve({ url = '', socket }: IncomingMessage, outgoing: ServerResponse): void {
    const file = statusFiles.get(url)
    if (file) return void outgoing.writeHead(file.status, file.headers).end(file.body)
    if (url !== '/-/status.json') return void outgoing.writeHead(404).end()
    this.asked++
    this.#underWay.add(outgoing)
    this.mostUnderWay = Math.max(this.mostUnderWay, this.#underWay.size)
    outgoing.on('close', () => this.#underWay.delete(outgoing))
    if (this.behaviour === 'answers') this.#answer(outgoing)
    if (this.behaviour === 'hangs up') socket.destroy()
    if (this.behaviour === 'is broken') outgoing.writeHead(503).end()
  }

  #answer(outgoing: ServerResponse): void {
    outgoing.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(this.#status))
  }
}

test('the files of the status page come with headers that let nothing else run, and no other path has one', () => {
  for (const [path, contentType] of [
    ['/-/status', 'text/html; charset=utf-8'],
    ['/-/page/base.css', 'text/css; charset=utf-8'],
    ['/-/status/page.js', 'text/javascript; charset=utf-8'],
  ] as const) {
    const { status, headers, body } = statusFiles.get(path)!
    assert.equal(status, 200)
    assert.equal(headers['Content-Type'], contentType)
    assert.equal(headers['Content-Length'], String(body.length))
    assert.match(headers['Content-Security-Policy'] ?? '', /^default-src 'none'; .*frame-ancestors 'none'$/)
    assert.doesNotMatch(headers['Content-Security-Policy'] ?? '', /unsafe/)
    assert.equal(headers['X-Content-Type-Options'], 'nosniff')
    assert.equal(headers['Referrer-Policy'], 'no-referrer')
    assert.equal(headers['Cache-Control'], 'no-cache')
  }
  for (const path of ['/-/status.json', '/-/status/', '/-/page.html', '__proto__', ''])
    assert.equal(statusFiles.get(path), undefined)
})

const executable = findChromium()
const skip = executable === undefined && 'there is no chromium in PATH; on Debian: apt-get install chromium'

describe('the status page in a browser', { skip, timeout: 600_000, concurrency: 4 }, () => {
  let chromium: Chromium

  before(async () => {
    chromium = await Chromium.start(executable!)
  })
  after(() => chromium[Symbol.asyncDispose]())

  type Opened = AsyncDisposable & { readonly page: Page; readonly supervisor: ScriptedSupervisor }

  async function open(
    status: HostStatus,
    { width = 1280, height = 900, scheme = 'light' }: { width?: number; height?: number; scheme?: string } = {},
  ): Promise<Opened> {
    await using opened = new AsyncDisposableStack()
    const supervisor = opened.use(new ScriptedSupervisor(status))
    const url = await supervisor.listen()
    const features = { 'prefers-color-scheme': scheme }
    const page = opened.use(await chromium.open(url, { width, height, features }))
    await shows(page, '#facts', /Root\s/)
    const parts = opened.move()
    return { page, supervisor, [Symbol.asyncDispose]: () => parts.disposeAsync() }
  }

  /** Waits until the text of an element matches. */
  async function shows(page: Page, selector: string, expected: RegExp): Promise<string> {
    let text = ''
    const look = async () => {
      text = await page.text(selector)
      return expected.test(text)
    }
    await until(`${selector} to show ${expected}`, look).catch((error: unknown) => {
      throw new Error(`${selector} shows: ${text}`, { cause: error })
    })
    return text
  }

  const cells = (page: Page, row: string) =>
    page.evaluate<string[]>(`[...document.querySelector('${row}').cells].map((cell) => cell.innerText)`)

  test('shows what the supervisor is and does', async () => {
    await using opened = await open(busy)
    const { page } = opened
    assert.equal(await page.text('#readiness'), 'Ready')
    assert.equal(await page.evaluate('document.title'), 'Ready – Sluice')
    const facts = await page.text('#facts')
    for (const fact of ['1 d 2 h', '88 MiB', '1.2.3', '2.53.0', 'bun 1.4.5', '/srv/git', 'root 3.0 GiB, run 5.0 MiB'])
      assert.ok(facts.includes(fact), `${fact} in ${facts}`)
    assert.match(await page.text('#workers-title'), /13$/)
    assert.match(await page.text('#workers'), /^starting\s+1\s+idle\s+4\s+serving\s+6\s+draining\s+0\s+stopping\s+2$/)
    assert.deepEqual(await cells(page, '#lanes tbody tr:nth-child(1)'), ['fetch', '6 of 8', '0 of 64'])
    assert.deepEqual(await cells(page, '#lanes tbody tr:nth-child(2)'), [
      'push',
      '1 of 2 lowered from\u00A04',
      '32 of 32 full',
    ])
    assert.deepEqual(await cells(page, '#requests tbody tr'), [
      'team/project.git\n0b7c1f7e',
      'upload-pack\nrpc',
      '192.0.2.7\nada',
      'serving',
      '4711',
      '512 B',
      '5.5 MiB',
      '1.2 s',
    ])
    assert.deepEqual(await cells(page, '#failures tbody tr'), [
      'team/broken.git\nf00d',
      'timed_out\nidle_timeout',
      'receive-pack',
      '2001:db8::17',
      '504',
      '3 m 10 s',
      '3 m 10 s ago',
    ])
    assert.match(await page.text('#leaked'), /Nothing is left/)
    assert.equal(await page.text('#no-requests'), '')
    assert.equal(await page.text('#no-failures'), '')
    assert.deepEqual(page.problems, [])
  })

  test('draws bars in proportion to their numbers', async () => {
    await using opened = await open(busy)
    const part = (row: string, bar: string, side: string) =>
      opened.page.evaluate<number>(`(() => {
        const bar = document.querySelector('${row} [data-bar="${bar}"]')
        bar.getAnimations({ subtree: true }).forEach((animation) => animation.finish())
        return parseFloat(getComputedStyle(bar, '::${side}').inlineSize) / bar.clientWidth
      })()`)
    const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 0.02, `${actual}`)
    near(await part('#lanes tr:nth-child(1)', 'running', 'before'), 0.75)
    near(await part('#lanes tr:nth-child(1)', 'running', 'after'), 0)
    near(await part('#lanes tr:nth-child(2)', 'running', 'before'), 0.25)
    near(await part('#lanes tr:nth-child(2)', 'running', 'after'), 0.5)
    near(await part('#lanes tr:nth-child(2)', 'waiting', 'before'), 1)
  })

  test('says in words that a table is empty', async () => {
    await using opened = await open(calm)
    const { page } = opened
    assert.equal(await page.text('#no-requests'), 'Nothing is running.')
    assert.equal(await page.text('#requests'), '')
    assert.equal(await page.text('#no-failures'), 'Nothing has failed lately.')
    assert.equal(await page.text('#failures'), '')
  })

  test('shows names that clients choose as text, and runs nothing in them', async () => {
    const repository = '<img src=x onerror=document.title=`run`>'
    const client = '<script>document.title="run"</script>'
    await using opened = await open({
      ...busy,
      requests: [{ ...request, repository, client, user: '<b>user', requestId: '"]<b>' }],
      failures: [{ ...failure, repository, client, outcome: '<b>', reason: '<b>reason' }],
    })
    const { page } = opened
    const [name, , shownClient] = await cells(page, '#requests tbody tr')
    assert.equal(name, `${repository}\n"]<b>`)
    assert.equal(shownClient, `${client}\n<b>user`)
    const [failedName, failedOutcome] = await cells(page, '#failures tbody tr')
    assert.equal(failedName, `${repository}\nf00d`)
    assert.equal(failedOutcome, '<b>\n<b>reason')
    assert.equal(await page.evaluate(`document.querySelectorAll('main :is(img, script, b)').length`), 0)
    // If the page made an element of it, the policy would refuse that element, and the problems would tell.
    assert.deepEqual(page.problems, [])
  })

  test('tells requests that read the output of an ended git from requests that have a git', async () => {
    const alone = { ...request, requestId: 'alone', user: undefined, phase: 'sending', worker: undefined } as const
    await using opened = await open({ ...busy, requests: [request, alone] })
    const { page } = opened
    assert.deepEqual((await cells(page, '#requests tbody tr')).slice(2, 5), ['192.0.2.7\nada', 'serving', '4711'])
    const second = await cells(page, '#requests tbody tr:nth-child(2)')
    assert.deepEqual(second.slice(2, 5), ['192.0.2.7', 'sending', '–'])
    const parts = `[...document.querySelectorAll('#requests .steps')].map((steps) => Number(steps.style.getPropertyValue('--part')))`
    const [serving, sending] = await page.evaluate<number[]>(parts)
    assert.ok(serving! < sending! && sending! < 1)
  })

  test('a name that reverses the direction of text does not affect its neighbours', async () => {
    const repository = 'team/\u202Etig.tcejorp'
    await using opened = await open({ ...busy, requests: [{ ...request, repository }] })
    const sides = await opened.page.evaluate<{ name: string; bidi: string }>(`(() => {
      const name = document.querySelector('#requests .repository')
      return { name: name.textContent, bidi: getComputedStyle(name).unicodeBidi }
    })()`)
    assert.deepEqual(sides, { name: repository, bidi: 'isolate' })
  })

  test('follows changes', async () => {
    await using opened = await open(busy)
    const { page, supervisor } = opened
    const again = { ...request, phase: 'queued', worker: undefined, ageMs: 40 } as const
    supervisor.now({
      ...calm,
      ready: false,
      reason: 'draining',
      leaked: { processes: 2, zombies: 1 },
      requests: [request, again],
      requestsInAll: 7,
      failures: [{ ...failure, repository: undefined, service: undefined, status: undefined, reason: undefined }],
    })
    await shows(page, '#readiness', /^Not ready: draining$/)
    assert.equal(await page.evaluate('document.title'), 'Not ready: draining (leaked) – Sluice')
    assert.match(await page.text('#leaked'), /2 processes and 1 zombie of/)
    const background = (selector: string) =>
      page.evaluate<string>(`getComputedStyle(document.querySelector('${selector}')).backgroundColor`)
    assert.notEqual(await background('#leaked'), 'rgba(0, 0, 0, 0)')
    // Two attempts of one request have the same id.
    assert.equal(await page.evaluate(`document.querySelectorAll('#requests tbody tr').length`), 2)
    assert.deepEqual((await cells(page, '#requests tbody tr:nth-child(2)')).slice(3), [
      'queued',
      '–',
      '512 B',
      '5.5 MiB',
      '40 ms',
    ])
    assert.match(await page.text('#more-requests'), /oldest 2 of 7/)
    assert.match(await page.text('#requests-title'), /7$/)
    const [name, outcome, service, , status] = await cells(page, '#failures tbody tr')
    assert.deepEqual([name, outcome, service, status], ['no repository\nf00d', 'timed_out', '–', '–'])
    supervisor.now(calm)
    await shows(page, '#no-requests', /Nothing is running/)
    assert.equal(await background('#leaked'), 'rgba(0, 0, 0, 0)')
    assert.equal(await page.text('#more-requests'), '')
    assert.equal(await page.evaluate(`document.querySelectorAll('#requests tbody tr').length`), 0)
    assert.equal(await page.evaluate('document.title'), 'Ready – Sluice')
    assert.deepEqual(page.problems, [])
  })

  test('leaves focus and selected text where they are while it refreshes', async () => {
    const first = { ...request, requestId: 'first', repository: 'goes.git' }
    const second = { ...request, requestId: 'second', repository: 'stays.git' }
    await using opened = await open({ ...busy, requests: [first, second], requestsInAll: 2 })
    const { page, supervisor } = opened
    await page.evaluate(`(() => {
      document.querySelector('#pause').focus()
      globalThis.row = document.querySelector('#requests tbody tr:nth-child(2)')
      getSelection().selectAllChildren(row.querySelector('.repository'))
    })()`)
    const third = { ...request, requestId: 'third', repository: 'comes.git' }
    const newer = { ...failure, requestId: 'newer', repository: 'newer.git' }
    supervisor.now({
      ...busy,
      requests: [{ ...second, bytesOut: 2 ** 30 }, third],
      requestsInAll: 2,
      failures: [newer, failure],
    })
    await shows(page, '#requests tbody', /comes\.git/)
    const names = (table: string) =>
      page.evaluate(`[...document.querySelectorAll('${table} .repository')].map((name) => name.textContent)`)
    assert.deepEqual(await names('#requests'), ['stays.git', 'comes.git'])
    assert.deepEqual(await names('#failures'), ['newer.git', 'team/broken.git'])
    assert.equal(await page.evaluate(`row === document.querySelector('#requests tbody tr')`), true)
    assert.match(await page.evaluate<string>('row.innerText'), /1\.0 GiB/)
    assert.equal(await page.evaluate('String(getSelection())'), 'stays.git')
    assert.equal(await page.evaluate('document.activeElement.id'), 'pause')
  })

  for (const [behaviour, words] of [
    ['hangs up', /^Connection lost, last seen \d.* ago\./],
    ['is silent', /^Connection lost, last seen \d.* ago\./],
    ['is broken', /^The supervisor answers with HTTP 503, last seen \d.* ago\./],
  ] as const) {
    test(`says that it is out of date while the supervisor ${behaviour}, and recovers by itself`, async () => {
      await using opened = await open(busy)
      const { page, supervisor } = opened
      assert.equal(await page.text('#lost'), '')
      supervisor.behaviour = behaviour
      await shows(page, '#lost', words)
      assert.equal(await page.text('#readiness'), 'No answer')
      assert.equal(await page.evaluate('document.title'), 'No answer – Sluice')
      assert.match(await page.text('#requests'), /team\/project\.git/)
      // The age is shown even if nothing is received.
      const seen = await page.text('#lost')
      await until('a later time', async () => (await page.text('#lost')) !== seen)
      const { asked } = supervisor
      await until('further attempts', () => supervisor.asked > asked)
      supervisor.now(calm)
      supervisor.answerAll()
      await shows(page, '#readiness', /^Ready$/)
      await shows(page, '#no-requests', /Nothing is running/)
      assert.equal(await page.text('#lost'), '')
      assert.equal(supervisor.mostUnderWay, 1)
      // Chromium itself reports each request that fails. There must be no other problem.
      assert.deepEqual(
        page.problems.filter(({ source }) => source !== 'network'),
        [],
      )
    })
  }

  test('asks nothing and changes nothing while it is paused', async () => {
    await using opened = await open(busy)
    const { page, supervisor } = opened
    supervisor.behaviour = 'is silent'
    const { asked } = supervisor
    await until('a question under way', () => supervisor.asked > asked)
    await page.evaluate(`document.querySelector('#pause').click()`)
    assert.equal(await page.evaluate(`document.querySelector('#pause').ariaPressed`), 'true')
    supervisor.now(calm)
    supervisor.answerAll()
    const askedAtPause = supervisor.asked
    // Not at once: it goes on counting.
    await shows(page, '#freshness', /^Paused, last seen (?![0-2] s )\d.* ago$/)
    assert.equal(supervisor.asked, askedAtPause)
    assert.match(await page.text('#requests'), /team\/project\.git/)
    await page.evaluate(`document.querySelector('#pause').click()`)
    await shows(page, '#no-requests', /Nothing is running/)
    assert.equal(await page.text('#freshness'), 'Live')
    assert.equal(await page.evaluate(`document.querySelector('#pause').ariaPressed`), 'false')
  })

  test('asks nothing while it is hidden, and asks at once when it is shown again', async () => {
    await using opened = await open(busy)
    const { page, supervisor } = opened
    const hide = (isHidden: boolean) =>
      page.evaluate<number>(`(() => {
        Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${isHidden} })
        document.dispatchEvent(new Event('visibilitychange'))
        return performance.now()
      })()`)
    const hiddenAt = await hide(true)
    // One request may have been under way.
    const { asked } = supervisor
    const clock = () => page.evaluate<number>('performance.now()')
    await until('the time of three questions', async () => (await clock()) > hiddenAt + 3000)
    assert.ok(supervisor.asked <= asked + 1, `${supervisor.asked - asked} questions`)
    supervisor.now(calm)
    await hide(false)
    await shows(page, '#no-requests', /Nothing is running/)
    assert.equal(await page.text('#lost'), '')
  })

  test('fits a phone of 360 pixels, whatever the names, and labels the values of each card', async () => {
    for (const status of [busy, extreme, calm]) {
      await using opened = await open(status, { width: 360, height: 740 })
      const { page } = opened
      const widths = await page.evaluate<{ document: number; widest: number }>(`(() => {
        const shown = [...document.querySelectorAll('body *')].filter((element) => !element.closest('thead, template'))
        const right = shown.map((element) => element.getBoundingClientRect().right)
        return { document: document.documentElement.scrollWidth, widest: Math.max(...right) }
      })()`)
      assert.ok(widths.document <= 360 && widths.widest <= 360, JSON.stringify(widths))
    }
    await using opened = await open(busy, { width: 360, height: 740 })
    const label = (index: number) =>
      opened.page.evaluate<string>(
        `getComputedStyle(document.querySelectorAll('#requests tbody td')[${index}], '::before').content`,
      )
    assert.match(await label(0), /Service/)
    assert.match(await label(6), /Age/)
  })

  test('does not scroll sideways in widths between', async () => {
    for (const width of [500, 768, 1024]) {
      await using opened = await open(extreme, { width })
      assert.ok((await opened.page.evaluate<number>('document.documentElement.scrollWidth')) <= width)
    }
  })

  for (const scheme of ['light', 'dark']) {
    test(`is readable in ${scheme} colours`, async () => {
      await using opened = await open(extreme, { scheme })
      const { page, supervisor } = opened
      const ground = await page.evaluate<number>(`(${contrasts})().ground`)
      assert.ok(scheme === 'dark' ? ground < 0.05 : ground > 0.8, `luminance of the background: ${ground}`)
      const check = async () => {
        const { texts } = await page.evaluate<{ texts: { text: string; ratio: number }[] }>(`(${contrasts})()`)
        assert.ok(texts.length > 30, `${texts.length} texts`)
        const faint = texts.filter(({ ratio }) => ratio < 4.5)
        assert.deepEqual(faint, [])
      }
      await check()
      supervisor.now(busy)
      await shows(page, '#readiness', /^Ready$/)
      await check()
      supervisor.behaviour = 'hangs up'
      await shows(page, '#lost', /Connection lost/)
      await check()
      await page.evaluate(`document.querySelector('#pause').click()`)
      await check()
    })
  }

  test('can be reached and used with the keyboard alone', async () => {
    await using opened = await open(busy)
    const { page } = opened
    await page.press('Tab')
    const focused = await page.evaluate<{ name: string; role: string; outline: string }>(`(() => {
      const { tagName, textContent } = document.activeElement
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement)
      return { name: textContent, role: tagName, outline: outlineStyle + ' ' + outlineWidth }
    })()`)
    assert.deepEqual(focused, { name: 'Pause', role: 'BUTTON', outline: 'solid 3px' })
    await page.press('Enter')
    assert.equal(await page.evaluate(`document.querySelector('#pause').ariaPressed`), 'true')
    await shows(page, '#freshness', /^Paused/)
  })

  test('tells assistive technology the structure of the tables, and announces only the readiness', async () => {
    await using opened = await open(busy, { width: 360 })
    const { page } = opened
    const live = await page.evaluate(`[...document.querySelectorAll('[aria-live], [role=status], [role=alert]')]
      .map(({ id, ariaLive }) => id + ' ' + ariaLive)`)
    assert.deepEqual(live, ['readiness polite'])
    await page.session.send('Accessibility.enable')
    const { nodes } = (await page.session.send('Accessibility.getFullAXTree')) as {
      nodes: { ignored: boolean; role?: { value: string }; name?: { value: string } }[]
    }
    const named = (role: string) =>
      nodes.filter((node) => !node.ignored && node.role?.value === role).map(({ name }) => name?.value)
    assert.deepEqual(named('table'), ['Lanes', 'Running now 1', 'Recent failures'])
    assert.deepEqual(named('rowheader'), ['fetch', 'push', 'team/project.git 0b7c1f7e', 'team/broken.git f00d'])
    // The headers are exposed even on a phone, where they are not visible.
    assert.equal(named('columnheader').length, 3 + 8 + 7)
    assert.equal(named('cell').length, 2 * 2 + 7 + 6)
    const headings = `[...document.querySelectorAll('h1, h2, h3')].map(({ tagName, textContent }) => tagName + ' ' + textContent.trim().replaceAll(/\\s+/g, ' '))`
    assert.deepEqual(await page.evaluate(headings), [
      'H1 Sluice supervisor',
      'H2 Workers 13',
      'H3 Leaked',
      'H2 Lanes',
      'H2 Running now 1',
      'H2 Recent failures',
    ])
  })

  test('links to the JSON without JavaScript', async () => {
    await using opened = await open(busy)
    const { page } = opened
    await page.session.send('Emulation.setScriptExecutionDisabled', { value: true })
    await page.reload()
    await shows(page, '.notice', /needs JavaScript/)
    assert.match(await page.evaluate<string>(`document.querySelector('.notice a').href`), /\/-\/status\.json$/)
  })
})

/** Runs in the page. Returns each visible text with its contrast to the background, computed as in WCAG 2.2. */
const contrasts = `() => {
  const parse = (colour) => {
    const [, r, g, b, a = 1] = /^rgba?\\(([\\d.]+), ([\\d.]+), ([\\d.]+)(?:, ([\\d.]+))?\\)$/.exec(colour)
    return { rgb: [Number(r), Number(g), Number(b)], a: Number(a) }
  }
  const over = (above, below) => above.rgb.map((part, index) => part * above.a + below[index] * (1 - above.a))
  const behind = (element) => {
    if (!element) return [255, 255, 255]
    const colour = parse(getComputedStyle(element).backgroundColor)
    return colour.a === 1 ? colour.rgb : over(colour, behind(element.parentElement))
  }
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((part) => part / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const texts = [...document.querySelectorAll('body *')]
    .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== ''))
    .filter((element) => element.checkVisibility())
    .map((element) => {
      const ground = behind(element)
      const pair = [luminance(ground), luminance(over(parse(getComputedStyle(element).color), ground))]
      return { text: element.textContent, ratio: (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05) }
    })
  return { texts, ground: luminance(behind(document.body)) }
}`
