import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { mock, test } from 'node:test'
import { exportJWK, jwtVerify, SignJWT } from 'jose'
import { openLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { until } from '@sluice/shared/testing/until'
import { KeysUnavailable, openTokenKeys } from '../../../src/access/jwt/token-keys.ts'
import type { TokenKeys } from '../../../src/access/jwt/token-keys.ts'

const log = openLog('gateway', { logLevel: 'silent', logFormat: 'json' })
const pairs = ['k1', 'k2', 'k3'].map((kid) => ({ kid, ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) }))

/** A server of keys. The test sets its answer and counts its requests. */
async function startKeys() {
  const state = { body: '', asked: 0 }
  const server = createServer((_, outgoing) => {
    state.asked++
    if (state.body === '') outgoing.writeHead(500)
    outgoing.end(state.body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    get asked() {
      return state.asked
    },
    async serve(...kids: number[]) {
      const jwks = kids.map(async (n) => ({
        ...(await exportJWK(pairs[n]!.publicKey)),
        kid: pairs[n]!.kid,
        alg: 'ES256',
      }))
      state.body = JSON.stringify({ keys: await Promise.all(jwks) })
    },
    say(body: string) {
      state.body = body
    },
    [Symbol.dispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function isGood(keys: TokenKeys, n: number): Promise<boolean> {
  const { kid, privateKey } = pairs[n]!
  const token = await new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey)
  try {
    await jwtVerify(token, keys.find)
    return true
  } catch (error) {
    if (error instanceof KeysUnavailable) throw error
    return false
  }
}

test('keys are fetched again from time to time, and for an unknown key; a failure changes nothing', async () => {
  mock.timers.enable({ apis: ['setInterval', 'Date'], now: Date.now() })
  const clock = mock.method(performance, 'now')
  try {
    using server = await startKeys()
    await server.serve(0)
    using keys = await openTokenKeys(server.url, log)
    assert.equal(keys.problem, undefined)
    assert.ok(await isGood(keys, 0))
    assert.equal(server.asked, 1)

    // An unknown key is asked for, but not again and again.
    await server.serve(0, 1)
    assert.ok(!(await isGood(keys, 1)))
    mock.timers.setTime(Date.now() + 11_000)
    assert.ok(await isGood(keys, 1))
    assert.equal(server.asked, 2)
    assert.ok(!(await isGood(keys, 2)))
    assert.equal(server.asked, 2)

    // The address is down: known keys stay, unknown ones cannot be checked, and the address is asked only once.
    server.say('')
    mock.timers.setTime(Date.now() + 11_000)
    await assert.rejects(isGood(keys, 2), KeysUnavailable)
    await assert.rejects(isGood(keys, 2), KeysUnavailable)
    assert.equal(server.asked, 3)
    assert.ok(await isGood(keys, 0))

    // A key that was withdrawn is invalid after the next fetch.
    await server.serve(1)
    clock.mock.mockImplementation(() => 1e9)
    mock.timers.tick(5 * 60_000)
    await until('the next look', async () => !(await isGood(keys, 0)))
    assert.ok(await isGood(keys, 1))
  } finally {
    clock.mock.restore()
    mock.timers.reset()
  }
})

test('an answer that is no key set, or that never ends, is not taken', async () => {
  using server = await startKeys()
  for (const body of ['<html>', '{"keys": 7}', '[]', `{"keys": [], "x": "${'x'.repeat(2 ** 20)}"}`]) {
    server.say(body)
    using keys = await openTokenKeys(server.url, log)
    assert.match(String(keys.problem), /no keys for tokens/)
    await assert.rejects(isGood(keys, 0), KeysUnavailable)
  }
})

test('a file of keys is a key set or a public key, and never a private one', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'keys')
  const pem = (type: 'spki' | 'pkcs8') => ({ type, format: 'pem' }) as const
  await writeFile(path, pairs[0]!.publicKey.export({ type: 'spki', format: 'pem' }))
  {
    using keys = await openTokenKeys(path, log)
    assert.deepEqual([await isGood(keys, 0), await isGood(keys, 1)], [true, false])
  }
  for (const [text, problem] of [
    [pairs[0]!.privateKey.export(pem('pkcs8')), /holds a private key/],
    ['nonsense', /neither a key set/],
    ['{"keys": 7}', /is no key set/],
  ] as const) {
    await writeFile(path, text)
    await assert.rejects(openTokenKeys(path, log), problem)
  }
})
