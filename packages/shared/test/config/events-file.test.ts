import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readEventsFile } from '../../src/config/events/events-file.ts'

const read = (text: string) => readEventsFile(text, 'events.yaml')

test('a receiver wants what its patterns and kinds say, and may have the addresses that it names', async () => {
  const [one, all] = await read(`
receivers:
  - name: ci
    address: https://ci.example.org/hook?token=1
    repositories: [team/**, tools]
    kinds: [push]
    networks: [10.1.0.0/16, "fd00::1"]
    timeout: 2s
  - {name: all, address: "http://x.example.org"}
`)
  assert.equal(one!.address.origin, 'https://ci.example.org')
  assert.equal(one!.timeout, 2000)
  assert.ok(one!.wants('push', ['team/a/b']) && one!.wants('push', ['other', 'tools']))
  assert.ok(!one!.wants('push', ['other']) && !one!.wants('create', ['tools']))
  assert.ok(one!.networks.has('10.1.2.3') && one!.networks.has('fd00::1') && one!.networks.has('::ffff:10.1.2.3'))
  assert.ok(!one!.networks.has('10.2.2.3'))
  assert.ok(all!.wants('delete', ['anything/at/all']))
  assert.deepEqual(await read(''), [])
})

test('what is wrong is told with its line', async () => {
  const entry = 'address: "https://x.example.org"'
  for (const [text, why] of [
    ['receivers:\n  - {name: A, address: "https://x"}', /receivers\.0\.name: here should be a name .*\(line 2\)/],
    ['receivers: [{name: a, address: "ftp://x"}]', /is one such as https:/],
    ['receivers: [{name: a, address: "https://me:pw@x"}]', /must not have a user or a password/],
    ['receivers: [{name: a, address: "https://x/#a"}]', /has no #/],
    [
      `receivers:\n  - {name: a, ${entry}}\n  - {name: a, ${entry}}`,
      /receivers\.0 has the name "a" already \(line 3\)/,
    ],
    [`receivers: [{name: a, ${entry}, networks: [unix]}]`, /here should be an address or a network/],
    [`receivers: [{name: a, ${entry}, networks: [10.0.0.0/33]}]`, /here should be an address or a network/],
    [`receivers: [{name: a, ${entry}, repositories: [team/x.git]}]`, /no \.git at their end/],
    [`receivers: [{name: a, ${entry}, kinds: [pull]}]`, /kinds/],
    [`receivers: [{name: a, ${entry}, secret: x}]`, /secret/],
    ['receivers: &a [*a]', /aliases/],
  ] as const) {
    await assert.rejects(read(text), why, text)
  }
})
