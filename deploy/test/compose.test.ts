import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import { parseDocument } from 'yaml'

/** The compose files, by the schema that the Compose Specification publishes. It takes no key that it does not know. */

const project = new URL('../../', import.meta.url)
const files = ['deploy/compose.yaml', 'deploy/compose-cluster.yaml', 'examples/compose/compose.yaml']
const read = async (path: string) => readFile(new URL(path, project), 'utf8')

async function schema() {
  const text = await read('deploy/test/fixtures/compose-spec/compose-spec.json')
  const { $schema: _draft, ...rest } = JSON.parse(text) as object & { $schema: string }
  return new Ajv({ allErrors: true, strict: false }).compile(rest)
}

type Service = Record<string, unknown>
const parse = async (path: string) =>
  parseDocument(await read(path), { merge: true }).toJS() as { services: Record<string, Service> }

test('the compose files fit the published schema', async () => {
  const fits = await schema()
  for (const path of files) {
    fits(await parse(path))
    assert.equal(fits.errors ?? undefined, undefined, path)
  }
})

test('the published schema finds keys that do not exist, and values that are no good', async () => {
  const fits = await schema()
  const mistakes: [Service, RegExp][] = [
    [{ pid_limit: 10 }, /pid_limit/],
    [{ stop_grace_period: 75 }, /stop_grace_period/],
    [{ depends_on: { supervisor: { condition: 'ready' } } }, /depends_on/],
    [{ read_only: 7 }, /read_only/],
  ]
  for (const [mistake, words] of mistakes) {
    const file = await parse(files[0]!)
    Object.assign(file.services['haproxy']!, mistake)
    assert.equal(fits(file), false, JSON.stringify(mistake))
    assert.match(JSON.stringify(fits.errors), words)
  }
})
