import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { settings } from '@sluice/shared/config/settings'
import { configurationTable } from '../../scripts/reference/settings.ts'

test('the README lists every setting as the code has it', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
  assert.ok(readme.includes(configurationTable()), 'Run: npm run readme')
  for (const { name } of Object.values(settings)) assert.ok(readme.includes(`\`${name}\``), name)
})
