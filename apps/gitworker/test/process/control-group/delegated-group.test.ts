import assert from 'node:assert/strict'
import { chmod, chown, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { temporaryTree } from '@sluice/shared/testing/tree'
import { findDelegatedGroup } from '../../../src/process/control-group/delegated-group.ts'
import { openRequestGroups } from '../../../src/process/control-group/open-groups.ts'
import { RequestGroup } from '../../../src/process/control-group/request-group.ts'
import { recordLog } from '../../support/recorded-log.ts'

/** Other machines, as trees of files. */

const group = 'sys/fs/cgroup/system.slice/sluice.service'

const service = {
  'proc/self/cgroup': '0::/system.slice/sluice.service\n',
  'sys/fs/cgroup/cgroup.controllers': 'cpu memory pids\n',
  [`${group}/cgroup.type`]: 'domain\n',
  [`${group}/cgroup.kill`]: '',
  [`${group}/cgroup.procs`]: '77\n',
  [`${group}/cgroup.subtree_control`]: '\n',
}

describe('a control group', () => {
  test('is used where it is this user’s, and this process is alone in it', async () => {
    await using machine = await temporaryTree(service)
    assert.deepEqual(findDelegatedGroup(machine.path, 77), { folder: join(machine.path, group) })
  })

  const others: [what: string, files: Record<string, string>, why: RegExp][] = [
    ['there is only the first version', { 'proc/self/cgroup': '4:memory:/a\n8:pids:/a\n' }, /no cgroup v2/],
    ['it is the root', { 'proc/self/cgroup': '0::/\n' }, /root of all/],
    ['it is threaded', { [`${group}/cgroup.type`]: 'threaded\n' }, /sluice.service is threaded/],
    ['somebody else is in it', { [`${group}/cgroup.procs`]: '1\n77\n' }, /other processes in it, such as 1$/],
    ['somebody of another PID namespace is in it', { [`${group}/cgroup.procs`]: '0\n77\n' }, /such as 0$/],
    [
      'it is one that an earlier supervisor has made',
      {
        'proc/self/cgroup': '0::/system.slice/sluice.service/sluice-0123456789abcdef/supervisor\n',
        [`${group}/sluice-0123456789abcdef/supervisor/cgroup.procs`]: '77\n',
        [`${group}/cgroup.procs`]: '',
      },
      /of an earlier supervisor/,
    ],
  ]
  for (const [what, files, why] of others) {
    test(`is not used where ${what}`, async () => {
      await using machine = await temporaryTree({ ...service, ...files })
      assert.match(findDelegatedGroup(machine.path, 77).why ?? '', why)
    })
  }

  test('is not used where the kernel is too old', async () => {
    await using machine = await temporaryTree(service)
    await rm(join(machine.path, group, 'cgroup.kill'))
    assert.match(findDelegatedGroup(machine.path, 77).why ?? '', /older than 5\.14/)
  })

  test('is not used where it is another user’s, or cannot be written', async () => {
    await using machine = await temporaryTree(service)
    if (process.getuid?.() === 0) await chown(join(machine.path, group), 65534, 65534)
    else await chmod(join(machine.path, group, 'cgroup.procs'), 0o444)
    assert.match(findDelegatedGroup(machine.path, 77).why ?? '', /not delegated to this user/)
  })
})

describe('one line of the log says', () => {
  const settings = { controlGroups: 'auto', requestMemory: undefined, requestProcesses: undefined } as const
  async function linesOf(wanted: Parameters<typeof openRequestGroups>[0]) {
    await using machine = await temporaryTree({ ...service, 'proc/self/cgroup': '0::/\n' })
    const { lines, log } = recordLog()
    assert.equal(openRequestGroups(wanted, join(machine.path, 'note'), log, machine.path), undefined)
    return lines.map(({ level, msg, why }) => [level, msg, why])
  }

  test('that there are none', async () => {
    const words = 'requests have no control groups of their own'
    assert.deepEqual(await linesOf(settings), [[30, words, 'this process is in the root of all control groups']])
    assert.deepEqual(await linesOf({ ...settings, controlGroups: 'off' }), [
      [30, words, 'SLUICE_CONTROL_GROUPS is off'],
    ])
  })

  test('which limits are not kept because of that', async () => {
    const [line, ...others] = await linesOf({ ...settings, requestMemory: 2 ** 30, requestProcesses: 100 })
    assert.deepEqual(others, [])
    assert.equal(line?.[0], 40)
    assert.match(String(line?.[1]), /^SLUICE_REQUEST_MEMORY, SLUICE_REQUEST_PROCESSES: .* not kept$/)
  })
})

test('a group that is used again counts what is used since', async () => {
  await using machine = await temporaryTree({})
  const limits = { memory: 2 ** 30, processes: 100 }
  const used = new RequestGroup(machine.path, 7, limits)
  const count = (cpu: number, killed: number, refused: number) =>
    machine.write({
      '7/cpu.stat': `usage_usec ${cpu}\nuser_usec 1\n`,
      '7/memory.events': `low 0\nmax 9\noom 9\noom_kill ${killed}\n`,
      '7/pids.events.local': `max ${refused}\n`,
      // The kernel writes the peak over what was written to it.
      '7/memory.peak': ' '.repeat(9),
    })
  await count(1000, 1, 1)
  used.begin()
  await count(4500, 1, 1)
  await machine.write({ '7/memory.peak': '4096\n' })
  assert.deepEqual(used.use(), { cpuMs: 3.5, memoryPeakBytes: 4096 })
  await count(4500, 1, 2)
  assert.equal(used.use().exceeded, 'processes')
  await count(4500, 2, 2)
  assert.equal(used.use().exceeded, 'memory')
  // An older kernel counts what others have refused, too.
  await rm(join(machine.path, '7/pids.events.local'))
  await machine.write({ '7/pids.events': 'max 9\n' })
  used.begin()
  await machine.write({ '7/pids.events': 'max 10\n' })
  assert.equal(used.use().exceeded, undefined)
})
