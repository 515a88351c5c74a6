import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { reasons } from '@sluice/shared/refusal/reasons'
import { settings } from '@sluice/shared/config/settings'
import { ask } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'

/** The operations guide knows all that an operator may meet, and nothing that there is not. */

const root = new URL('../../', import.meta.url)
const pages = [
  'docs/operate/deploy.md',
  'docs/operate/access.md',
  'docs/operate/push-rules.md',
  'docs/operate/tls.md',
  'SECURITY.md',
  'README.md',
]
const guide = await readFile(new URL(pages[0]!, root), 'utf8')

test('every reason stands in the guide with its status, and every outcome', () => {
  for (const [reason, { status, outcome }] of Object.entries(reasons)) {
    const row = guide
      .split('\n')
      .find((line) => line.startsWith('|') && line.split('|')[1]!.includes(`\`${reason}\``) && /\d{3}/.test(line))
    assert.ok(row, reason)
    assert.ok(row.split('|')[2]!.includes(String(status)), `${reason}: ${status}`)
    assert.match(guide, new RegExp(`^\\| \`${outcome}\``, 'm'))
  }
})

test('every metric of its own stands in the guide, and no other', async () => {
  await using stack = await startStack()
  const texts = await Promise.all(
    [stack.gateway, stack.supervisor].map(async ({ operations }) => ask(operations, '/metrics')),
  )
  const served = new Set(
    texts.flatMap(({ body }) => [...body.matchAll(/^# TYPE (sluice_\w+)/gm)].map(([, name]) => name)),
  )
  const told = new Set([...guide.matchAll(/`(sluice_\w+)`/g)].map(([, name]) => name))
  assert.ok(served.size > 20)
  assert.deepEqual(told, served)
})

test('every setting that a page names is one', async () => {
  const known = new Set<string>(Object.values(settings).map(({ name }) => name))
  for (const page of pages) {
    const text = await readFile(new URL(page, root), 'utf8')
    for (const [name] of text.matchAll(/\bSLUICE_[A-Z_]*[A-Z]\b(?!_?\*)/g))
      assert.ok(known.has(name), `${page}: ${name}`)
  }
})

test('what the guide tells to run is there', () => {
  for (const [, path] of guide.matchAll(/`((?:deploy|docs)\/[\w./-]+)`/g))
    assert.ok(existsSync(new URL(path!, root)), path)
})
