import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { describe, test } from 'node:test'
import { controlGroups } from '../../src/machine/control-group.ts'
import { readMachine } from '../../src/machine/machine.ts'
import type { Machine } from '../../src/machine/machine.ts'
import { temporaryTree } from '../../testing/tree.ts'

const GiB = 2 ** 30

/** A machine with 16 GiB, the kernel's default limits, and a user without privileges or limits. */
const plainHost = {
  'proc/meminfo': 'MemTotal:       16777216 kB\nMemAvailable:    8388608 kB\n',
  'proc/loadavg': '0.10 0.20 0.30 2/300 4711\n',
  'proc/sys/kernel/pid_max': '4194304\n',
  'proc/sys/kernel/threads-max': '100000\n',
  'proc/self/limits': limitsFile('unlimited', '524288'),
  'proc/self/status': statusFile(1000, '0000000000000000'),
  'proc/self/uid_map': '         0          0 4294967295\n',
  'proc/self/cgroup': '0::/\n',
}

/** As /proc/self/limits writes them: soft, then hard. */
function limitsFile(processes: string, hardDescriptors: string): string {
  return [
    'Limit                     Soft Limit           Hard Limit           Units     ',
    `Max processes             ${processes.padEnd(20)} ${processes.padEnd(20)} processes `,
    `Max open files            1024                 ${hardDescriptors.padEnd(20)} files     `,
    '',
  ].join('\n')
}

function statusFile(user: number, capabilities: string, threads = 1): string {
  return `Name:\tnode\nUid:\t${user}\t${user}\t${user}\t${user}\nThreads:\t${threads}\nCapEff:\t${capabilities}\n`
}

async function machineWith(files: Record<string, string>): Promise<Machine> {
  await using tree = await temporaryTree({ ...plainHost, ...files })
  return readMachine(tree.path)
}

describe('memory', () => {
  test('without control groups it is the memory of the machine', async () => {
    const { memoryBytes, memoryFrom } = await machineWith({})
    assert.deepEqual({ memoryBytes, memoryFrom }, { memoryBytes: 16 * GiB, memoryFrom: 'the machine' })
  })

  test('version 2: an ancestor may have the smallest limit', async () => {
    const { memoryBytes, memoryFrom } = await machineWith({
      'proc/self/cgroup': '0::/kubepods/pod7/sluice\n',
      'sys/fs/cgroup/cgroup.controllers': 'cpu memory pids\n',
      'sys/fs/cgroup/kubepods/memory.max': `${12 * GiB}\n`,
      'sys/fs/cgroup/kubepods/pod7/memory.max': `${2 * GiB}\n`,
      'sys/fs/cgroup/kubepods/pod7/sluice/memory.max': 'max\n',
    })
    assert.deepEqual({ memoryBytes, memoryFrom }, { memoryBytes: 2 * GiB, memoryFrom: 'memory.max of /kubepods/pod7' })
  })

  test('version 2: the limits are those of the group that the supervisor was started in, and not of its own', async () => {
    const own = 'sys/fs/cgroup/sluice.service/sluice-0123456789abcdef/supervisor'
    const files = {
      'proc/self/cgroup': '0::/sluice.service/sluice-0123456789abcdef/supervisor\n',
      'sys/fs/cgroup/cgroup.controllers': 'cpu memory pids\n',
      'sys/fs/cgroup/sluice.service/memory.max': `${2 * GiB}\n`,
      'sys/fs/cgroup/sluice.service/pids.max': '300\n',
      'sys/fs/cgroup/sluice.service/pids.current': '17\n',
      [`${own}/memory.max`]: 'max\n',
      [`${own}/pids.max`]: 'max\n',
    }
    const { memoryBytes, memoryFrom, processes } = await machineWith(files)
    assert.deepEqual([memoryBytes, memoryFrom], [2 * GiB, 'memory.max of /sluice.service'])
    assert.deepEqual(processes, { limit: 300, used: 17, from: 'pids.max of /sluice.service' })
    await using machine = await temporaryTree(files)
    const names = controlGroups('memory', machine.path).map(({ name }) => name)
    assert.deepEqual(names, ['/sluice.service', '/'])
  })

  test('version 1: a huge number means no limit', async () => {
    const limited = {
      'proc/self/cgroup': '5:memory:/docker/abc\n1:name=systemd:/\n',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      'sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes': `${GiB}\n`,
    }
    const { memoryBytes, memoryFrom } = await machineWith(limited)
    assert.deepEqual(
      { memoryBytes, memoryFrom },
      { memoryBytes: GiB, memoryFrom: 'memory.limit_in_bytes of /docker/abc' },
    )
    const without = { ...limited, 'sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes': '9223372036854771712\n' }
    assert.equal((await machineWith(without)).memoryFrom, 'the machine')
  })

  for (const path of ['/docker/abc', '/../../system.slice']) {
    test(`in a container whose group is given as ${path}, the limit is that of the mounted root`, async () => {
      const { memoryBytes, memoryFrom } = await machineWith({
        'proc/self/cgroup': `0::${path}\n`,
        'sys/fs/cgroup/cgroup.controllers': 'memory\n',
        'sys/fs/cgroup/memory.max': `${GiB}\n`,
        'sys/system.slice/memory.max': '1\n',
      })
      assert.deepEqual({ memoryBytes, memoryFrom }, { memoryBytes: GiB, memoryFrom: 'memory.max of /' })
    })
  }

  test('on a host with both versions, the one with the controller counts', async () => {
    const { memoryBytes } = await machineWith({
      'proc/self/cgroup': '4:memory:/a\n0::/b\n',
      'sys/fs/cgroup/memory/a/memory.limit_in_bytes': `${3 * GiB}\n`,
      'sys/fs/cgroup/unified/cgroup.controllers': '\n',
      'sys/fs/cgroup/unified/b/memory.max': `${2 * GiB}\n`,
    })
    assert.equal(memoryBytes, 2 * GiB)
  })
})

describe('cores', () => {
  test('without a quota, there are as many as the machine has', async () => {
    assert.equal((await machineWith({})).cores, availableParallelism())
  })

  test('a quota of one and a half is one core, and so is a quota of a half', async () => {
    for (const quota of ['150000', '50000']) {
      const { cores } = await machineWith({
        'proc/self/cgroup': '0::/a\n',
        'sys/fs/cgroup/cgroup.controllers': 'cpu\n',
        'sys/fs/cgroup/a/cpu.max': `${quota} 100000\n`,
      })
      assert.equal(cores, 1)
    }
  })

  test('version 1, whether cpu is mounted alone or with cpuacct', async () => {
    for (const controllers of ['cpu', 'cpu,cpuacct']) {
      const folder = `sys/fs/cgroup/${controllers}/a`
      const quota = (microseconds: number) => ({
        'proc/self/cgroup': `1:${controllers}:/a\n`,
        [`${folder}/cpu.cfs_quota_us`]: `${microseconds}\n`,
        [`${folder}/cpu.cfs_period_us`]: '100000\n',
      })
      assert.equal((await machineWith(quota(100_000))).cores, 1)
      assert.equal((await machineWith(quota(-1))).cores, availableParallelism())
    }
  })
})

describe('processes', () => {
  test('without other limits, the kernel’s apply', async () => {
    const { processes } = await machineWith({})
    assert.deepEqual(processes, { limit: 100_000, used: 300, from: 'kernel.threads-max' })
  })

  test('version 2: the limit that leaves the fewest counts, not the smallest', async () => {
    const { processes } = await machineWith({
      'proc/self/cgroup': '0::/pod/sluice\n',
      'sys/fs/cgroup/cgroup.controllers': 'pids\n',
      'sys/fs/cgroup/pod/pids.max': '1000\n',
      'sys/fs/cgroup/pod/pids.current': '900\n',
      'sys/fs/cgroup/pod/sluice/pids.max': '500\n',
      'sys/fs/cgroup/pod/sluice/pids.current': '20\n',
    })
    assert.deepEqual(processes, { limit: 1000, used: 900, from: 'pids.max of /pod' })
  })

  test('version 1', async () => {
    const { processes } = await machineWith({
      'proc/self/cgroup': '8:pids:/a\n',
      'sys/fs/cgroup/pids/a/pids.max': '256\n',
      'sys/fs/cgroup/pids/a/pids.current': '12\n',
    })
    assert.deepEqual(processes, { limit: 256, used: 12, from: 'pids.max of /a' })
  })

  test('the limit of a user counts all threads of that user', async () => {
    const { processes } = await machineWith({
      'proc/self/limits': limitsFile('400', '1024'),
      'proc/10/status': statusFile(1000, '0', 7),
      'proc/11/status': statusFile(1000, '0', 2),
      'proc/12/status': statusFile(0, '0', 50),
    })
    assert.deepEqual(processes, { limit: 400, used: 9, from: 'the limit on processes of user 1000 (ulimit -u)' })
  })

  test('it binds neither root nor users who may exceed resource limits', async () => {
    const limits = { 'proc/self/limits': limitsFile('400', '1024') }
    const asRoot = await machineWith({ ...limits, 'proc/self/status': statusFile(0, '0000000000000000') })
    const capable = await machineWith({ ...limits, 'proc/self/status': statusFile(1000, '0000000001000000') })
    assert.equal(asRoot.processes.limit, 100_000)
    assert.equal(capable.processes.limit, 100_000)
  })

  test('it binds the root of a user namespace', async () => {
    const { processes } = await machineWith({
      'proc/self/limits': limitsFile('400', '1024'),
      'proc/self/status': statusFile(0, '000001ffffffffff'),
      'proc/self/uid_map': '         0       1000          1\n',
    })
    assert.equal(processes.limit, 400)
  })
})

test('descriptors: the hard limit counts, because Node raises its soft one to it', async () => {
  assert.equal((await machineWith({})).descriptors.limit, 524_288)
  const own = /^Max open files +(\d+) +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))
  assert.equal(own?.[1], own?.[2])
})

test('a machine without any of these files can be read', async () => {
  await using tree = await temporaryTree({})
  assert.deepEqual(readMachine(tree.path), {
    cores: availableParallelism(),
    memoryBytes: Infinity,
    memoryFrom: 'the machine',
    processes: { limit: undefined, used: 0, from: 'nothing' },
    descriptors: { limit: undefined },
  })
})
