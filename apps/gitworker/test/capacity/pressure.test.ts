import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { temporaryTree } from '@sluice/shared/testing/tree'
import { pressureReader } from '../../src/capacity/pressure.ts'
import type { Pressure } from '../../src/capacity/pressure.ts'

const calmMachine = {
  'proc/meminfo': 'MemTotal:       16777216 kB\nMemFree:           10000 kB\nMemAvailable:    8388608 kB\n',
  'proc/pressure/memory': 'some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00\n',
}

const version2 = {
  ...calmMachine,
  'proc/self/cgroup': '0::/pod/sluice\n',
  'sys/fs/cgroup/cgroup.controllers': 'cpu memory\n',
  'sys/fs/cgroup/pod/sluice/memory.max': 'max\n',
}

async function pressureWith(files: Record<string, string>): Promise<Pressure> {
  await using tree = await temporaryTree(files)
  return pressureReader(tree.path)()
}

function shortOf(pressure: Pressure): string {
  return pressure.short ? `${pressure.of}: ${pressure.detail}` : 'nothing'
}

describe('memory', () => {
  test('a machine with enough memory is not short, however large its page cache', async () => {
    assert.deepEqual(await pressureWith(calmMachine), { short: false })
  })

  test('the machine is short when 5 % are available', async () => {
    const pressure = await pressureWith({
      ...calmMachine,
      'proc/meminfo': 'MemTotal:       16777216 kB\nMemAvailable:     800000 kB\n',
    })
    assert.equal(shortOf(pressure), "memory: 781 MiB of the machine's 16384 MiB are available")
  })

  for (const [version, files] of [
    [
      2,
      (usage: number, inactive: number) => ({
        ...version2,
        'sys/fs/cgroup/pod/memory.max': '1048576000\n',
        'sys/fs/cgroup/pod/memory.current': `${usage}\n`,
        'sys/fs/cgroup/pod/memory.stat': `anon 1\nactive_file 5\ninactive_file ${inactive}\n`,
      }),
    ],
    [
      1,
      (usage: number, inactive: number) => ({
        ...calmMachine,
        'proc/self/cgroup': '3:memory:/pod/sluice\n',
        'sys/fs/cgroup/memory/pod/sluice/memory.limit_in_bytes': '9223372036854771712\n',
        'sys/fs/cgroup/memory/pod/memory.limit_in_bytes': '1048576000\n',
        'sys/fs/cgroup/memory/pod/memory.usage_in_bytes': `${usage}\n`,
        'sys/fs/cgroup/memory/pod/memory.stat': `inactive_file 0\ntotal_inactive_file ${inactive}\n`,
      }),
    ],
  ] as const) {
    test(`version ${version}: a group is short above 90 % of its limit, or of its ancestor’s`, async () => {
      const pressure = await pressureWith(files(1_000_000_000, 10_000_000))
      assert.equal(shortOf(pressure), 'memory: 944 MiB of the 1000 MiB of control group /pod are in use')
      assert.deepEqual(await pressureWith(files(940_000_000, 0)), { short: false })
    })

    test(`version ${version}: page cache that can be freed is no shortage`, async () => {
      assert.deepEqual(await pressureWith(files(1_048_000_000, 800_000_000)), { short: false })
    })
  }

  test('stalls of this group count; those of the machine count if there is no such group', async () => {
    const stalled = 'some avg10=25.50 avg60=0.00 avg300=0.00 total=9\nfull avg10=0.00\n'
    const calm = 'some avg10=9.00 avg60=99.00 avg300=0.00 total=9\nfull avg10=0.00\n'
    const group = 'sys/fs/cgroup/pod/sluice/memory.pressure'
    const own = await pressureWith({ ...version2, [group]: stalled })
    assert.equal(shortOf(own), 'memory: processes waited for memory in 25.5 % of the last 10 s')
    assert.deepEqual(await pressureWith({ ...version2, [group]: calm, 'proc/pressure/memory': stalled }), {
      short: false,
    })
    assert.equal((await pressureWith({ ...calmMachine, 'proc/pressure/memory': stalled })).short, true)
    const container = { ...version2, 'proc/self/cgroup': '0::/docker/abc\n', 'sys/fs/cgroup/memory.pressure': stalled }
    assert.equal((await pressureWith(container)).short, true)
  })
})

describe('processor time', () => {
  const stat = (periods: number, throttled: number) =>
    `usage_usec 5\nnr_periods ${periods}\nnr_throttled ${throttled}\nthrottled_usec 7\n`

  for (const [version, cgroup, file] of [
    [2, '0::/pod/sluice\n', 'sys/fs/cgroup/pod/cpu.stat'],
    [1, '1:cpu,cpuacct:/pod/sluice\n', 'sys/fs/cgroup/cpu,cpuacct/pod/cpu.stat'],
  ] as const) {
    test(`version ${version}: short when more than a quarter of the periods since the last look were throttled`, async () => {
      const folder = file.replace('cpu.stat', 'sluice/cgroup.procs')
      await using tree = await temporaryTree({
        ...version2,
        'proc/self/cgroup': cgroup,
        [folder]: '',
        [file]: stat(1000, 900),
      })
      const read = pressureReader(tree.path)
      assert.deepEqual(read(), { short: false }, 'what was before the first look does not count')
      await tree.write({ [file]: stat(1010, 902) })
      assert.deepEqual(read(), { short: false })
      await tree.write({ [file]: stat(1020, 905) })
      assert.equal(
        shortOf(read()),
        'cpu: control group /pod was throttled in 3 of the last 10 periods of its CPU quota',
      )
      assert.deepEqual(read(), { short: false })
      await tree.write({ [file]: stat(1022, 907) })
      assert.deepEqual(read(), { short: false }, 'two periods say nothing')
    })
  }

  test('a shortage of memory does not hide how far the count of periods has come', async () => {
    await using tree = await temporaryTree({ ...version2, 'sys/fs/cgroup/pod/cpu.stat': stat(0, 0) })
    const read = pressureReader(tree.path)
    read()
    await tree.write({
      'sys/fs/cgroup/pod/cpu.stat': stat(10, 10),
      'proc/meminfo': 'MemTotal: 100 kB\nMemAvailable: 1 kB\n',
    })
    assert.match(shortOf(read()), /^memory/)
    await tree.write(calmMachine)
    assert.deepEqual(read(), { short: false })
  })
})

test('a machine without any of these files is not short of anything', async () => {
  assert.deepEqual(await pressureWith({}), { short: false })
})
