import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { SignJWT } from 'jose'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import type { About } from '../../../src/access/authority.ts'
import { openJwtAccess } from '../../../src/access/jwt/jwt-access.ts'

test('the user of a token that fails is known where its signature is right, and only there', async () => {
  await using folder = await temporaryFolder()
  const [signer, stranger] = [0, 1].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }))
  const keys = join(folder.path, 'keys.pem')
  await writeFile(keys, signer!.publicKey.export({ type: 'spki', format: 'pem' }))
  const checks = { issuer: 'i', audience: 'a', algorithms: ['ES256'], clockSkew: 0 }
  await using authority = await openJwtAccess({ keys, ...checks }, silentLog)
  const tried = async (sub: string, key = signer!, audience = 'a') => {
    const jwt = new SignJWT({ sub }).setProtectedHeader({ alg: 'ES256' }).setIssuer('i').setAudience(audience)
    const token = await jwt.setExpirationTime('-1m').sign(key.privateKey)
    const credentials = { kind: 'token', token, header: `Bearer ${token}` } as const
    const refusal = await authority.decide(credentials, { repository: 'r' } as About).catch((error: unknown) => error)
    assert.ok(refusal instanceof Refusal && refusal.reason === 'login_failed')
    return authority.nameTried?.(credentials, refusal)
  }
  assert.equal(await tried('ann'), 'ann')
  assert.equal(await tried('ann', signer, 'else'), 'ann')
  assert.equal(await tried('ann', stranger), undefined)
  assert.equal(await tried('a\nb'), undefined)
})
