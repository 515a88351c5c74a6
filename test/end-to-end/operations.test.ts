import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { clusterMetricsText } from '@sluice/shared/testing/cluster-metrics'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { ask, sendRaw } from '@sluice/shared/testing/http'
import { beginFetch, largeRepository } from '@sluice/shared/testing/requests'
import { startStack } from '@sluice/shared/testing/stack'
import type { App } from '@sluice/shared/testing/app'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** What an operator sees: metrics, health, the status as JSON, and traces. Also the limits that operators set. */

let stack: Stack

before(async () => {
  stack = await startStack({
    SLUICE_MAX_PUSH: 'small/**=64KiB, **=1GiB',
  })
  const repository = join(stack.root, 'project.git')
  await mkdir(repository)
  await git(repository, ['init', '--quiet', '--bare', '.'])
  await importHistory(repository, 3)
  await largeRepository(join(stack.root, 'secret-name.git'))
})

after(() => stack[Symbol.asyncDispose]())

/** The value of a series whose labels include these; 0 if there is none. */
async function metric(app: App, name: string, labels: Record<string, string> = {}): Promise<number> {
  const { body } = await ask(app.operations, '/metrics')
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  const series = body.split('\n').filter((line) => {
    return line.replace(/[{ ].*/, '') === name && wanted.every((text) => line.includes(text))
  })
  return series.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

describe('metrics', () => {
  test('count requests by service, version and outcome, with their time and bytes, in both applications', async () => {
    const uploadPack = { service: 'upload-pack' }
    const fetches = { service: 'upload-pack', kind: 'rpc', version: '2', outcome: 'completed' }
    const apps = [stack.gateway, stack.supervisor]
    for (const clone of [1, 2]) {
      const bytes = await Promise.all(apps.map((app) => metric(app, 'sluice_sent_bytes_total', uploadPack)))
      await git(stack.folder, ['clone', '--quiet', `${stack.url}/project.git`, `clone-${clone}`])
      for (const [index, app] of apps.entries()) {
        await until('the requests to be counted', async () => {
          return (await metric(app, 'sluice_requests_total', fetches)) === 2 * clone
        })
        assert.ok((await metric(app, 'sluice_sent_bytes_total', uploadPack)) > bytes[index]! + 500)
        const timed = { service: 'upload-pack', kind: 'rpc' }
        assert.ok((await metric(app, 'sluice_request_duration_seconds_count', timed)) >= 2)
        assert.ok((await metric(app, 'sluice_request_first_byte_seconds_sum', timed)) > 0)
        assert.equal(await metric(app, 'sluice_ready'), 1)
      }
    }
    assert.ok((await metric(stack.supervisor, 'sluice_git_cpu_seconds_total', { service: 'upload-pack' })) > 0)
    assert.ok((await metric(stack.supervisor, 'sluice_git_peak_memory_bytes_count', { service: 'upload-pack' })) >= 4)
    assert.ok((await metric(stack.supervisor, 'sluice_worker_starts_total', { result: 'ok' })) >= 4)
    assert.ok((await metric(stack.supervisor, 'sluice_lane_wait_seconds_count', { lane: 'fetch' })) >= 4)
    assert.ok((await metric(stack.supervisor, 'sluice_lane_slots', { lane: 'job' })) >= 1)
  })

  test('count the bytes of a request while it runs, and its teardown when its client leaves', async () => {
    const want = await git(join(stack.root, 'secret-name.git'), ['rev-parse', 'main'])
    const sent = await metric(stack.supervisor, 'sluice_sent_bytes_total', { service: 'upload-pack' })
    const ended = await metric(stack.supervisor, 'sluice_teardowns_total', { reason: 'client_gone' })
    const reply = await beginFetch(stack.gateway.address, 'secret-name.git', want, { 'X-Request-Id': 'watched' })
    await until('bytes to be counted', async () => {
      return (await metric(stack.supervisor, 'sluice_sent_bytes_total', { service: 'upload-pack' })) > sent + 100_000
    })
    // Those of the requests before it have ended soon.
    for (const [gauge, labels] of [
      ['sluice_requests_under_way', {}],
      ['sluice_workers', { state: 'serving' }],
      ['sluice_lane_running', { lane: 'fetch' }],
    ] as const) {
      await until(`${gauge} to be 1`, async () => (await metric(stack.supervisor, gauge, labels)) === 1)
    }
    reply.destroy()
    await until('the teardown to be counted', async () => {
      return (await metric(stack.supervisor, 'sluice_teardowns_total', { reason: 'client_gone' })) === ended + 1
    })
    assert.equal(await metric(stack.supervisor, 'sluice_leaked_processes'), 0)
  })

  test('count refusals, by reason', async () => {
    const missing = { outcome: 'refused', reason: 'repository_missing' }
    await tryGit(stack.folder, ['ls-remote', `${stack.url}/not-there.git`])
    for (const app of [stack.gateway, stack.supervisor]) {
      await until('the refusal', async () => (await metric(app, 'sluice_refusals_total', missing)) === 1)
    }
    await ask(stack.gateway.address, '/no-such-page')
    const ofNone = { service: 'none', outcome: 'refused' }
    await until('it', async () => (await metric(stack.gateway, 'sluice_requests_total', ofNone)) === 1)
  })

  test('have no label whose values clients choose', async () => {
    await tryGit(stack.folder, ['ls-remote', `${stack.url}/secret-name.git`])
    for (const app of [stack.gateway, stack.supervisor]) {
      const { body } = await ask(app.operations, '/metrics')
      assert.doesNotMatch(body, /secret-name|not-there|127\.0\.0\.1/)
    }
  })

  test('include all that the dashboard asks for', async () => {
    const file = new URL('../../deploy/grafana-dashboard.json', import.meta.url)
    const asked = new Set((await readFile(file, 'utf8')).match(/\b(sluice|process|nodejs)_[a-z0-9_]+/g))
    const bodies = await Promise.all(
      [stack.gateway, stack.supervisor].map(async (app) => (await ask(app.operations, '/metrics')).body),
    )
    const known = new Set(
      [...bodies, await clusterMetricsText()]
        .join('\n')
        .match(/^# TYPE \S+/gm)
        ?.map((line) => line.split(' ')[2]),
    )
    const missing = [...asked].filter((name) => !known.has(name.replace(/_bucket$/, '')))
    assert.deepEqual(missing, [])
    assert.ok(asked.size > 20)
  })

  test('are not on the public address, and neither is the status', async () => {
    for (const address of [stack.gateway.address, stack.supervisor.address]) {
      for (const path of ['/metrics', '/-/status', '/-/status.json']) {
        const reply = await ask(address, path)
        assert.equal(reply.status, 404)
        assert.equal(reply.headers['sluice-reason'], 'not_a_git_address')
      }
    }
  })
})

describe('the operators’ address', () => {
  test('lists its pages, and takes no changes', async () => {
    const lost = await ask(stack.supervisor.operations, '/')
    assert.equal(lost.status, 404)
    assert.match(lost.body, /\/metrics\n[\s\S]*\/-\/status\n/)
    assert.equal((await ask(stack.supervisor.operations, '/metrics', { method: 'DELETE' })).status, 405)
    assert.equal((await ask(stack.gateway.operations, '/__proto__')).status, 404)
    assert.equal((await ask(stack.gateway.operations, '/metrics?x=1')).status, 200)
  })

  test('is not readable through another site’s name', async () => {
    const headers = { Host: 'evil.example' }
    assert.equal((await ask(stack.supervisor.operations, '/-/status.json', { headers })).status, 421)
    assert.equal((await ask(stack.supervisor.operations, '/healthz', { headers: { Host: 'localhost:1' } })).status, 200)
  })

  test('says what the host does now, and which requests failed last', async () => {
    const want = await git(join(stack.root, 'secret-name.git'), ['rev-parse', 'main'])
    const reply = await beginFetch(stack.gateway.address, 'secret-name.git', want, { 'X-Request-Id': 'shown' })
    const shown = await until('the request to be shown', async () => {
      const { body } = await ask(stack.supervisor.operations, '/-/status.json')
      const request = JSON.parse(body).requests.find((one: { requestId: string }) => one.requestId === 'shown')
      return request?.phase === 'serving' && request.bytesOut > 0 && request
    })
    assert.equal(shown.repository, 'secret-name.git')
    assert.equal(shown.service, 'upload-pack')
    assert.equal(shown.client, '127.0.0.1')
    assert.ok(shown.worker > 0 && shown.ageMs > 0)
    reply.destroy()
    // A repository that git cannot read: a failure.
    const broken = join(stack.root, 'broken.git')
    await git(stack.folder, ['init', '--quiet', '--bare', broken])
    await writeFile(join(broken, 'config'), '[core\n')
    await tryGit(stack.folder, ['ls-remote', `${stack.url}/broken.git`])
    const failure = await until('the failure to be shown', async () => {
      const status = JSON.parse((await ask(stack.supervisor.operations, '/-/status.json')).body)
      return status.failures.find((one: { repository: string }) => one.repository === 'broken.git')
    })
    assert.equal(failure.status, 500)
    assert.equal(failure.outcome, 'git_failed')
  })
})

describe('health', () => {
  test('is told with reasons; without its root, the host is unready until the root is back', async () => {
    const away = `${stack.root}-away`
    await rename(stack.root, away)
    const reply = await ask(stack.supervisor.address, '/readyz')
    await rename(away, stack.root)
    assert.equal(reply.status, 503)
    assert.deepEqual(JSON.parse(reply.body), {
      status: 'unavailable',
      reason: 'the root cannot be used (ENOENT)',
      checks: { accepting: 'ok', workers: 'ok', git: 'ok', root: 'the root cannot be used (ENOENT)', disk: 'ok' },
    })
    const again = await ask(stack.supervisor.operations, '/readyz')
    assert.deepEqual(
      [again.status, again.body],
      [200, '{"status":"ok","checks":{"accepting":"ok","workers":"ok","git":"ok","root":"ok","disk":"ok"}}\n'],
    )
    for (const address of [stack.gateway.address, stack.gateway.operations]) {
      assert.deepEqual(JSON.parse((await ask(address, '/readyz')).body), {
        status: 'ok',
        checks: { accepting: 'ok', access: 'ok', host: 'ok' },
      })
    }
  })
})

describe('a trace', () => {
  test('goes on from the client through the gateway to the host, and into both logs', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    await ask(stack.gateway.address, '/project.git/info/refs?service=git-upload-pack', {
      headers: { 'traceparent': `00-${traceId}-00f067aa0ba902b7-01`, 'X-Request-Id': 'traced' },
    })
    const gateway = await stack.gateway.line((line) => line['requestId'] === 'traced')
    const host = await stack.supervisor.line((line) => line['requestId'] === 'traced')
    assert.equal(gateway['traceId'], traceId)
    assert.equal(host['traceId'], traceId)
    assert.notEqual(gateway['spanId'], host['spanId'])
    assert.equal(host['parentSpanId'], gateway['spanId'])
    assert.equal(gateway['parentSpanId'], '00f067aa0ba902b7')
  })

  test('begins here if the client has none', async () => {
    await ask(stack.gateway.address, '/project.git/info/refs?service=git-upload-pack', {
      headers: { 'X-Request-Id': 'untraced' },
    })
    const gateway = await stack.gateway.line((line) => line['requestId'] === 'untraced')
    const host = await stack.supervisor.line((line) => line['requestId'] === 'untraced')
    assert.match(String(gateway['traceId']), /^[0-9a-f]{32}$/)
    assert.equal(host['traceId'], gateway['traceId'])
    assert.equal(gateway['parentSpanId'], undefined)
  })
})

test('spans of both applications reach a collector, as parts of one trace', async () => {
  const spans: { traceId: string; name: string; parentSpanId?: string; spanId: string }[] = []
  const collector = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString())
      for (const { scopeSpans } of resourceSpans) for (const { spans: some } of scopeSpans) spans.push(...some)
      outgoing.end('{}')
    })
  })
  collector.listen(0, '127.0.0.1')
  await once(collector, 'listening')
  const { port } = collector.address() as AddressInfo
  {
    await using traced = await startStack({ SLUICE_OTLP_ENDPOINT: `http://127.0.0.1:${port}` })
    await git(traced.folder, ['init', '--quiet', '--bare', join(traced.root, 'project.git')])
    await ask(traced.gateway.address, '/project.git/info/refs?service=git-upload-pack')
    // Stopping sends the spans that are left.
  }
  collector.close()
  assert.deepEqual(
    spans.map(({ name }) => name),
    ['upload-pack advertisement', 'upload-pack advertisement'],
  )
  const [one, other] = spans
  assert.equal(one?.traceId, other?.traceId)
  assert.ok(one?.parentSpanId === other?.spanId || other?.parentSpanId === one?.spanId)
})

describe('limits', () => {
  test('headers that do not arrive in time are answered with 408', async () => {
    const { address } = await stack.addGateway({ SLUICE_HEADER_TIMEOUT: '500ms' })
    for (const beginning of ['', 'GET /project.git/info/refs HTTP/1.1\r\nHost: localhost\r\n']) {
      const said = await sendRaw(address, beginning)
      if (beginning !== '') assert.match(said, /^HTTP\/1\.1 408 [\s\S]*The request did not arrive in time\./)
    }
  })

  test('a push that is larger than its repository may take is refused in git’s own words', async () => {
    const work = join(stack.folder, 'work')
    await git(stack.folder, ['init', '--quiet', work])
    await writeFile(join(work, 'file'), Buffer.from(Array.from({ length: 200_000 }, () => Math.random() * 256)))
    await git(work, ['add', '.'])
    await git(work, ['commit', '--quiet', '-m', 'A file of 200 kB'])
    const refused = await tryGit(work, ['push', `${stack.url}/small/project.git`, 'main'])
    assert.notEqual(refused.code, 0)
    assert.match(refused.stderr, /pack exceeds maximum allowed size/)
    await git(work, ['push', '--quiet', `${stack.url}/large/project.git`, 'main'])
    assert.equal((await tryGit(stack.folder, ['ls-remote', `${stack.url}/small/project.git`])).stdout, '')
    // A push that changes nothing leaves no repository.
    await until('the repository to be gone', () => !existsSync(join(stack.root, 'small/project.git')))
  })
})

const waits = fileURLToPath(new URL('../fixtures/waits-for-release.sh', import.meta.url))

test('connections beyond the limit are refused in words, except for health, and served when there is room', async () => {
  await using small = await startStack({
    SLUICE_MAX_CONNECTIONS: '3',
    SLUICE_TRUSTED_PROXIES: '127.0.0.1',
    SLUICE_GIT: waits,
  })
  const repository = join(small.root, 'project.git')
  await git(small.folder, ['init', '--quiet', '--bare', repository])
  const fetch = () => ask(small.gateway.address, '/project.git/info/refs?service=git-upload-pack')
  const held = [fetch(), fetch(), fetch()]
  await until('all to run', async () => (await small.status()).requestsInAll === 3)
  const refused = await fetch()
  assert.equal(refused.status, 503)
  assert.equal(refused.headers['sluice-reason'], 'too_many_connections')
  assert.equal(refused.headers['connection'], 'close')
  assert.equal((await ask(small.gateway.address, '/healthz')).status, 200)
  await writeFile(join(repository, 'release'), '')
  for (const reply of held) assert.equal((await reply).status, 200)
  await until('there to be room', async () => (await fetch()).status === 200)
})
