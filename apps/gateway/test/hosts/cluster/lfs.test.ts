import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { lfsMediaType } from '@sluice/shared/lfs/media-type'
import { ask } from '@sluice/shared/testing/http'
import { until } from '@sluice/shared/testing/until'
import { keys, playedCluster } from './played-cluster.ts'

/** Which host requests of LFS go to. */

const oid = 'ab'.repeat(32)

for (const storage of ['own', 'shared'] as const) {
  describe(`requests of LFS, where hosts have ${storage} folders`, () => {
    test(`are the primary's, if they write`, async () => {
      await using cluster = await playedCluster({ SLUICE_TRUSTED_PROXIES: '127.0.0.1' })
      const hosts = [await cluster.host('host-1'), await cluster.host('host-2')]
      await cluster.put(keys.format, JSON.stringify({ version: 1, slots: 4096, storage, copies: 2 }))
      await cluster.keep('r', { primary: 'host-1', inSync: ['host-1', 'host-2'] })
      await until('the table', async () => (await cluster.fetch('r')).status === 200)
      const shown = async () => (await ask(cluster.operations, '/-/cluster.json')).body
      await until('the format', async () => (await shown()).includes(`"${storage}"`))
      const sent = async (source: number, method: string, below: string, body?: object) => {
        const headers = { 'X-Forwarded-For': `192.0.2.${source}`, 'Content-Type': lfsMediaType }
        const path = `/r.git/info/lfs/${below}`
        const { status, body: host } = await ask(cluster.address, path, {
          method,
          headers,
          ...(body && { body: JSON.stringify(body) }),
        })
        assert.equal(status, 200)
        return host
      }
      const writes = new Set<string>()
      const reads = new Set<string>()
      for (let source = 0; source < 20; source++) {
        // Whatever a client writes into the address, the body decides.
        writes.add(await sent(source, 'POST', 'objects/batch?operation=download', { operation: 'upload', objects: [] }))
        writes.add(await sent(source, 'PUT', `objects/${oid}`, {}))
        reads.add(await sent(source, 'POST', 'objects/batch?operation=upload', { operation: 'download', objects: [] }))
        reads.add(await sent(source, 'GET', `objects/${oid}`))
      }
      assert.deepEqual([...writes], ['host-1'])
      assert.deepEqual([...reads].toSorted(), ['host-1', 'host-2'])
      const batches = hosts.flatMap(({ requests }) => requests).filter(({ url }) => url?.includes('batch'))
      assert.equal(batches.length, 40)
      for (const { headers } of batches)
        assert.match(String(headers['sluice-address']), /^http:\/\/127\.0\.0\.1:\d+\/r\.git$/)
      const operations = new Set(batches.map(({ url }) => url?.split('?')[1]))
      assert.deepEqual(operations, new Set(['operation=upload', 'operation=download']))
    })
  })
}
