import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { settings } from '@sluice/shared/config/settings'
import { metricsReference } from '../scripts/reference/metrics.ts'
import { refusalsReference } from '../scripts/reference/refusals.ts'
import { settingsReference } from '../scripts/reference/settings.ts'

async function page(name: string): Promise<string> {
  return await readFile(new URL(`../docs/reference/${name}`, import.meta.url), 'utf8')
}

test('the reference lists every setting as the code has it', async () => {
  const text = await page('settings.md')
  assert.equal(text, settingsReference(), 'Run: npm run docs')
  for (const { name } of Object.values(settings)) assert.ok(text.includes(`| \`${name}\` |`), name)
})

test('the reference lists every reason as the code has it', async () => {
  assert.equal(await page('refusals.md'), refusalsReference(), 'Run: npm run docs')
})

test('the reference lists every metric as the applications serve it', async () => {
  assert.equal(await page('metrics.md'), await metricsReference(), 'Run: npm run docs')
})
