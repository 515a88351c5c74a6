import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { ConfigError } from '../../src/config/config-error.ts'
import { CoordinatorError } from '../../src/coordinator/coordinator.ts'
import { reasonOf } from '../../src/coordinator/etcd/members/ask-member.ts'
import { EtcdCoordinator } from '../../src/coordinator/etcd/etcd-coordinator.ts'
import { openCoordinator } from '../../src/coordinator/open/open-coordinator.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { temporaryFolder } from '../../testing/folder.ts'
import { until } from '../../testing/until.ts'
import { coordinatorWith } from './coordinator-with.ts'
import { configOf } from './etcd-config.ts'
import { fakeMember, found, header, refuse } from './fake-member.ts'
import type { Behaviour } from './fake-member.ts'

const good: Behaviour = (_asked, outgoing) => outgoing.end(JSON.stringify(found(5, { '/a': 'here' })))

const bad: Readonly<Record<string, Behaviour>> = {
  'says nothing': () => {},
  'closes the connection': (_asked, outgoing) => outgoing.destroy(),
  'answers HTML': (_asked, outgoing) => outgoing.end('<html><style>a{color:red}</style>'),
  'answers with half of JSON': (_asked, outgoing) => outgoing.end('{"header":{'),
  'answers JSON that is not of etcd': (_asked, outgoing) => outgoing.end('{"status":"ok"}'),
  'answers keys that are none': (_asked, outgoing) => outgoing.end(JSON.stringify({ ...header(), kvs: [{ key: 5 }] })),
  'answers keys that nobody asked for': (_asked, outgoing) => outgoing.end(JSON.stringify(found(5, { '/other': '' }))),
  'answers a revision that is none': (_asked, outgoing) =>
    outgoing.end(JSON.stringify({ header: { cluster_id: '7', revision: 'many' } })),
  'answers 502': (_asked, outgoing) => outgoing.writeHead(502).end('bad gateway'),
  'has no JSON gateway': (_asked, outgoing) => outgoing.writeHead(404).end('404 page not found\n'),
  'knows no leader, in the words of 3.6': (_asked, outgoing) =>
    outgoing.writeHead(503).end('{"code": 14, "message": "etcdserver: no leader", "details": []}'),
  'knows no leader': (_asked, outgoing) => refuse(outgoing, 503, 14, 'etcdserver: no leader'),
  'is no full member yet': (_asked, outgoing) => refuse(outgoing, 412, 9, 'etcdserver: rpc not supported for learner'),
  'never ends': (_asked, outgoing) => {
    const more = () => {
      while (!outgoing.destroyed && outgoing.write(Buffer.alloc(65_536, ' ')));
    }
    outgoing.on('drain', more)
    more()
  },
}

describe('a coordinator whose member fails', () => {
  for (const [name, behave] of Object.entries(bad)) {
    test(`asks another one when it ${name}`, async () => {
      await using failing = await fakeMember(behave)
      await using working = await fakeMember(good)
      await using coordinator = await coordinatorWith([failing, working])
      for (const _ of [1, 2, 3]) {
        assert.deepEqual((await coordinator.read('/a')).entries, [{ key: '/a', value: 'here', revision: 5 }])
      }
      assert.equal(failing.asked.length, 1, 'it is left alone while another one works')
    })
  }

  test('says in its error what each member did', async () => {
    await using refusing = await fakeMember(bad['answers HTML']!)
    const nobody = { endpoint: 'http://127.0.0.1:1' }
    await using coordinator = await coordinatorWith([refusing, nobody])
    await assert.rejects(coordinator.read('/a'), (error) => {
      assert.ok(error instanceof CoordinatorError && !error.mayBeDone)
      assert.match(error.message, new RegExp(`${refusing.endpoint}: this is not an answer of etcd: 200 <html>`))
      assert.match(error.message, new RegExp(`${nobody.endpoint}: connect ECONNREFUSED`))
      return true
    })
  })

  test('goes on without a member of another cluster', async () => {
    await using one = await fakeMember(good)
    await using other = await fakeMember((_asked, outgoing) =>
      outgoing.end(JSON.stringify({ header: { cluster_id: '8', revision: '9' } })),
    )
    const env = { SLUICE_CLUSTER: 'etcd', SLUICE_ETCD: `${one.endpoint},${other.endpoint}` }
    await assert.rejects(openCoordinator(configOf(env), silentLog), (error) => {
      assert.ok(error instanceof ConfigError)
      assert.match(error.message, /is of another cluster/)
      return true
    })
  })
})

describe('a swap whose outcome is not known', () => {
  const unknown: Readonly<Record<string, Behaviour>> = {
    'breaks off': (_asked, outgoing) => outgoing.destroy(),
    'answers garbage': (_asked, outgoing) => outgoing.end('done, I think'),
    'answers 504': (_asked, outgoing) => outgoing.writeHead(504).end(),
    'was too slow': (_asked, outgoing) => refuse(outgoing, 503, 14, 'etcdserver: request timed out'),
  }
  for (const [name, behave] of Object.entries(unknown)) {
    test(`is never sent again when the member ${name}`, async () => {
      await using one = await fakeMember(behave)
      await using other = await fakeMember(behave)
      await using coordinator = await coordinatorWith([one, other])
      const swapping = coordinator.swap([{ key: '/a', expected: 0, value: 'x' }])
      await assert.rejects(swapping, (error) => error instanceof CoordinatorError && error.mayBeDone)
      assert.equal(one.asked.length + other.asked.length, 1)
    })
  }

  const known: Readonly<Record<string, Behaviour>> = {
    'knows no leader': bad['knows no leader']!,
    'knows no leader, in the words of 3.6': bad['knows no leader, in the words of 3.6']!,
    'is no full member yet': bad['is no full member yet']!,
    'has too much to do': (_asked, outgoing) => refuse(outgoing, 429, 8, 'etcdserver: too many requests'),
    'is no etcd': bad['has no JSON gateway']!,
  }
  for (const [name, behave] of Object.entries(known)) {
    test(`is none when the member ${name}: another one is asked`, async () => {
      await using failing = await fakeMember(behave)
      await using working = await fakeMember((_asked, outgoing) =>
        outgoing.end(JSON.stringify({ ...header(6), succeeded: true })),
      )
      await using coordinator = await coordinatorWith([failing, working])
      const swap = () => coordinator.swap([{ key: '/a', expected: 0, value: 'x' }])
      for (const _ of [1, 2]) assert.deepEqual(await swap(), { isDone: true, revision: 6 })
      assert.deepEqual([failing.asked.length, working.asked.length], [1, 2])
    })
  }

  test('is none when nobody listens: another one is asked', async () => {
    await using working = await fakeMember((_asked, outgoing) => outgoing.end(JSON.stringify(header(6))))
    const nobody = { endpoint: 'http://127.0.0.1:1' }
    await using coordinator = await coordinatorWith([nobody, working])
    const swapped = await coordinator.swap([{ key: '/a', expected: 0, value: 'x' }])
    assert.deepEqual(swapped, { isDone: false, revision: 6 })
  })

  test('is none when etcd refuses, in words', async () => {
    await using member = await fakeMember((_asked, outgoing) =>
      refuse(outgoing, 403, 7, 'etcdserver: permission denied'),
    )
    await using coordinator = await coordinatorWith([member])
    await assert.rejects(coordinator.swap([{ key: '/a', expected: 0, value: 'x' }]), (error) => {
      assert.ok(error instanceof CoordinatorError && !error.mayBeDone)
      assert.match(error.message, /permission denied/)
      return true
    })
    assert.equal(member.asked.length, 1)
  })
})

describe('what etcd does not let one do', () => {
  test('is told at the start, with the settings that it is about', async () => {
    await using member = await fakeMember((_asked, outgoing) =>
      refuse(outgoing, 403, 7, 'etcdserver: permission denied'),
    )
    const config = configOf({ SLUICE_CLUSTER: 'etcd', SLUICE_ETCD: member.endpoint })
    await assert.rejects(
      openCoordinator(config, silentLog),
      /\(SLUICE_ETCD_USER needs rights below SLUICE_ETCD_PREFIX\)/,
    )
  })

  test('is told with the setting of the roots, where a certificate is from none that is trusted', () => {
    const error = Object.assign(new Error('unable to verify; try running Node.js with --use-system-ca'), {
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    })
    assert.equal(reasonOf(error), 'its certificate is from no root that is trusted (see SLUICE_ETCD_TLS_CA)')
    assert.equal(reasonOf(new AggregateError([error])), reasonOf(error))
  })
})

describe('a lease over etcd', () => {
  test('is granted once though the answer is lost', async () => {
    let isGranted = false
    await using member = await fakeMember(({ path }, outgoing) => {
      if (path === '/v3/lease/grant' && !isGranted) {
        isGranted = true
        outgoing.destroy()
      } else if (path === '/v3/lease/grant') {
        refuse(outgoing, 412, 9, 'etcdserver: lease already exists')
      } else {
        outgoing.end(JSON.stringify({ ...header(), TTL: '30' }))
      }
    })
    await using coordinator = await coordinatorWith([member])
    await using lease = await coordinator.grantLease(10_000)
    assert.equal(lease.ttl, 30_000)
    assert.ok(lease.isLive)
    const ids = member.asked.filter(({ path }) => path === '/v3/lease/grant').map(({ body }) => body['ID'])
    assert.equal(ids.length, 2)
    assert.equal(ids[0], ids[1])
  })

  test('is not renewed by a leader that is none any more', async () => {
    let term = 2
    await using member = await fakeMember(({ path }, outgoing) => {
      const isKeepalive = path === '/v3/lease/keepalive'
      const answer = { ...header(1, { raft_term: String(isKeepalive ? 2 : term) }), TTL: '1' }
      outgoing.end(JSON.stringify(isKeepalive ? { result: answer } : answer))
    })
    await using coordinator = await coordinatorWith([member])
    await using lease = await coordinator.grantLease(1000)
    await until('it was renewed', () => member.asked.some(({ path }) => path === '/v3/lease/keepalive'))
    term = 3
    await until('it is not surely live', () => !lease.isLive)
    term = 2
    await until('it is live', () => lease.isLive)
  })
})

describe('the user of a coordinator', () => {
  test('logs in again with what the file says then, when the token is refused', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'password')
    await writeFile(file, 'first\n')
    const tokenOf: Record<string, string> = { first: 'token.1', second: 'token.2' }
    let valid = 'token.1'
    await using member = await fakeMember(({ path, body, token }, outgoing) => {
      if (path === '/v3/auth/authenticate') {
        const given = tokenOf[body['password'] ?? '']
        if (given === valid) outgoing.end(JSON.stringify({ ...header(), token: given }))
        else refuse(outgoing, 400, 3, 'etcdserver: authentication failed, invalid user ID or password')
      } else if (token === valid) good({ path, body, token }, outgoing)
      else refuse(outgoing, 401, 16, 'etcdserver: invalid auth token')
    })
    const env = { SLUICE_CLUSTER: 'etcd', SLUICE_ETCD: member.endpoint }
    const user = { SLUICE_ETCD_USER: 'sluice', SLUICE_ETCD_PASSWORD_FILE: file }
    await using coordinator = await openCoordinator(configOf({ ...env, ...user }), silentLog)
    await Promise.all([1, 2, 3].map(() => coordinator.read('/a')))
    assert.equal(member.asked.filter(({ path }) => path === '/v3/auth/authenticate').length, 1)
    valid = 'token.2'
    await assert.rejects(coordinator.read('/a'), /SLUICE_ETCD_USER.* cannot log in: .*invalid user ID or password/)
    await writeFile(file, 'second\n')
    assert.equal((await coordinator.read('/a')).entries.length, 1)
    valid = 'token.1'
    await assert.rejects(openCoordinator(configOf({ ...env, ...user }), silentLog), ConfigError)
  })

  test('is asked for where etcd has users', async () => {
    await using member = await fakeMember((_asked, outgoing) =>
      refuse(outgoing, 400, 3, 'etcdserver: user name is empty'),
    )
    const env = { SLUICE_CLUSTER: 'etcd', SLUICE_ETCD: member.endpoint }
    await assert.rejects(openCoordinator(configOf(env), silentLog), /SLUICE_ETCD_USER/)
  })
})

describe('the settings of a coordinator', () => {
  const etcd = { SLUICE_CLUSTER: 'etcd', SLUICE_ETCD: 'http://127.0.0.1:1' }
  const wrong: readonly [Record<string, string>, RegExp][] = [
    [{ SLUICE_CLUSTER: 'etcd' }, /needs SLUICE_ETCD/],
    [{ ...etcd, SLUICE_ETCD_USER: 'x' }, /SLUICE_ETCD_PASSWORD_FILE/],
    [{ ...etcd, SLUICE_ETCD_TLS_CA: '/nowhere' }, /SLUICE_ETCD has http:\/\/127.0.0.1:1/],
    [{ ...etcd, SLUICE_ETCD: 'https://127.0.0.1:1', SLUICE_ETCD_TLS_CA: '/nowhere' }, /cannot read \/nowhere/],
    [
      { ...etcd, SLUICE_ETCD_USER: 'x', SLUICE_ETCD_PASSWORD_FILE: '/nowhere' },
      /password cannot be read from \/nowhere/,
    ],
  ]
  for (const [env, message] of wrong) {
    test(`are refused in words: ${message}`, async () => {
      await assert.rejects(openCoordinator(configOf(env), silentLog), (error) => {
        assert.ok(error instanceof ConfigError)
        assert.match(error.message, message)
        return true
      })
    })
  }

  test('open it while nobody answers yet, and without etcd in this process', async () => {
    await using away = await openCoordinator(configOf(etcd), silentLog)
    await using here = await openCoordinator(configOf({}), silentLog)
    assert.deepEqual((await here.read('')).entries, [])
    assert.ok(away instanceof EtcdCoordinator)
  })
})
