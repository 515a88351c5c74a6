import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { settings } from '@sluice/shared/config/settings'
import { Ajv } from 'ajv'
import { parse } from 'yaml'
import { readConfig } from '@sluice/shared/config/read-config'
import { places } from '@sluice/shared/config/setting-names'
import { readSettingsDocument } from '@sluice/shared/config/settings-document'
import { exampleYaml } from '../apps/command/src/config/examples.ts'
import { commandReference } from '../scripts/reference/command.ts'
import { helmValuesSchema } from '../scripts/reference/helm-values.ts'
import { metricsReference } from '../scripts/reference/metrics.ts'
import { refusalsReference } from '../scripts/reference/refusals.ts'
import { settingsReference } from '../scripts/reference/settings.ts'
import { eventsSchema } from '../scripts/reference/events-schema.ts'
import { mirrorsSchema } from '../scripts/reference/mirrors-schema.ts'
import { settingsSchema } from '../scripts/reference/settings-schema.ts'

async function file(path: string): Promise<string> {
  return await readFile(new URL(`../${path}`, import.meta.url), 'utf8')
}

async function page(name: string): Promise<string> {
  return await file(`docs/reference/${name}`)
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

test('the reference lists every command as the program has it', async () => {
  assert.equal(await page('command.md'), commandReference(), 'Run: npm run docs')
})

test('the example of a settings file, and its schema, are as the code has them', async () => {
  assert.equal(await file('deploy/sluice.schema.json'), settingsSchema(), 'Run: npm run docs')
  assert.equal(await file('deploy/sluice.example.yaml'), exampleYaml('sluice.schema.json'), 'Run: npm run docs')
})

test('the schemas of files of mirrors and of receivers are as the code has them', async () => {
  assert.equal(await file('deploy/mirrors.schema.json'), mirrorsSchema(), 'Run: npm run docs')
  assert.equal(await file('deploy/events.schema.json'), eventsSchema(), 'Run: npm run docs')
})

/** What readers of settings say, and what an editor says that knows the schema. */
function opinions(text: string): { readonly code: boolean; readonly schema: boolean } {
  const isValid = new Ajv({ allowUnionTypes: true }).compile(JSON.parse(settingsSchema()) as object)
  try {
    readConfig(settings, {}, { path: 'sluice.yaml', ...readSettingsDocument(text, 'sluice.yaml') })
    return { code: true, schema: isValid(parse(text)) }
  } catch {
    return { code: false, schema: isValid(parse(text)) }
  }
}

test('the example is valid with all of its settings', async () => {
  const example = await file('deploy/sluice.example.yaml')
  const all = example.replaceAll(/^ {2}# ([a-z0-9_]+): \S+$/gm, (line, key: string) =>
    places.has(key) ? line.replace('# ', '') : line,
  )
  assert.equal(all.match(/^ {2}[a-z0-9_]+:/gm)?.length, Object.keys(settings).length - 1)
  assert.deepEqual(opinions(all), { code: true, schema: true })
})

test('the schema of a settings file and the code that reads it agree', () => {
  const right = [
    'tls: { http2: on, tls_key: false, host_tls_ca: /ca.pem }',
    'capacity: { fetch_slots: 8, queue_length: "8", max_fetch_request: 64MiB }',
    'addresses: { trusted_proxies: [10.0.0.0/8, unix], host_names: auto }',
    'times: { idle_timeout: 5m, request_timeout: off }\npushes:\n',
  ]
  const wrong = [
    'tls: { http2: maybe }',
    'tls: { tls_key: [a] }',
    'capacity: { fetch_slots: 0 }',
    'capacity: { queue_length: true }',
    'times: { idle_timeout: 5 }',
    'capacity: { max_fetch_request: 64MB }',
    'tls: { rot: x }',
    'tsl: {}',
    'tls: []',
  ]
  for (const text of right) assert.deepEqual(opinions(text), { code: true, schema: true }, text)
  for (const text of wrong) assert.deepEqual(opinions(text), { code: false, schema: false }, text)
})

test('the schema of the chart’s values knows every setting of the code', async () => {
  const path = new URL('../deploy/helm/sluice/values.schema.json', import.meta.url)
  assert.equal(await readFile(path, 'utf8'), helmValuesSchema(), 'Run: npm run docs')
})
