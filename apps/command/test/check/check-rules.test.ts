import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { GatewayConfig } from '@sluice/gateway/config/config'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { checkRules } from '../../src/check/rules/check-rules.ts'

test('nobody waits for a pipe in the place of a file', async () => {
  await using folder = await temporaryFolder()
  const [pipe, rules] = ['pipe', 'rules.yaml'].map((name) => join(folder.path, name))
  execFileSync('mkfifo', [pipe!])
  await writeFile(rules!, 'rules: []')
  const config = { access: 'file', passwordFile: pipe, accessFile: rules } as GatewayConfig
  assert.deepEqual(await checkRules(config), [])
})
