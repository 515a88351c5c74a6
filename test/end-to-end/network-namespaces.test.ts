import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { noEtcd } from '@sluice/shared/testing/etcd'
import { inOwnNamespace, noNamespaces } from '@sluice/shared/testing/network-namespace'

const cuts = fileURLToPath(new URL('network/cuts.ts', import.meta.url))

test(
  'members of a cluster whose packets are dropped accept nothing twice, and nothing that is not theirs',
  { skip: noEtcd ?? noNamespaces() ?? false },
  async () => {
    const { NODE_TEST_CONTEXT: _context, ...env } = process.env
    const [program, ...args] = [...inOwnNamespace, process.execPath, '--test', '--test-timeout=300000', cuts]
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
    const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
    assert.equal(code, 0, said)
    assert.match(said, /^ℹ pass 3$/m)
  },
)
