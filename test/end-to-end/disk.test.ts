import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { ask } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

const run = promisify(execFile)

/** A disk of its own; undefined if this user may not mount one. */
async function smallDisk(options: string) {
  await using made = new AsyncDisposableStack()
  const { path } = made.use(await temporaryFolder())
  try {
    await run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path])
  } catch {
    return undefined
  }
  made.defer(async () => void (await run('umount', ['-l', path])))
  const root = join(path, 'repos')
  await mkdir(root)
  const kept = made.move()
  return { root, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** Fills the disk until so many bytes are free. */
async function fill(root: string, leave: number): Promise<string> {
  const { bavail, bsize } = await statfs(root)
  const file = join(root, 'filler')
  await writeFile(file, Buffer.alloc(bavail * bsize - leave))
  return file
}

async function cloneWithChange(folder: string, root: string, bytes: number): Promise<string> {
  await git(root, ['init', '-q', '--bare', 'app.git'])
  await importHistory(join(root, 'app.git'), 3)
  const clone = join(folder, 'clone')
  await git(folder, ['clone', '-q', join(root, 'app.git'), clone])
  await writeFile(join(clone, 'large'), Buffer.from(crypto.getRandomValues(new Uint8Array(Math.min(bytes, 65_536)))))
  for (let part = 1; part * 65_536 < bytes; part++)
    await writeFile(join(clone, `large-${part}`), crypto.getRandomValues(new Uint8Array(65_536)))
  await git(clone, ['add', '.'])
  await git(clone, ['commit', '-q', '-m', 'large'])
  return clone
}

test('pushes are refused in words before the disk is full, and reads go on', async (context) => {
  await using disk = await smallDisk('size=32m')
  if (!disk) return context.skip('This user may not mount a tmpfs.')
  await using stack = await startStack({ SLUICE_ROOT: disk.root, SLUICE_MIN_FREE_DISK: '8MiB' })
  const clone = await cloneWithChange(stack.folder, disk.root, 4096)
  const url = `${stack.url}/app.git`
  const readiness = async () => {
    const { status, body } = await ask(stack.supervisor.operations, '/readyz')
    return { status, disk: (JSON.parse(body) as { checks: Record<string, string> }).checks['disk'] }
  }
  assert.deepEqual(await readiness(), { status: 200, disk: 'ok' })
  const filler = await fill(disk.root, 7 * 2 ** 20)
  await until('the shortage to be seen', async () => (await readiness()).disk !== 'ok')
  assert.deepEqual(await readiness(), { status: 200, disk: 'the disk of the repositories is nearly full' })

  const { code, stderr } = await tryGit(clone, ['push', url, 'HEAD:main'])
  assert.notEqual(code, 0)
  assert.match(stderr, /remote: The disk of the server is nearly full, so it takes no pushes/)
  await git(stack.folder, ['clone', '-q', url, join(stack.folder, 'read')])
  const line = await stack.supervisor.line(({ reason }) => reason === 'disk_low')
  assert.deepEqual([line['outcome'], line['status']], ['failed', 507])
  const { body: metrics } = await ask(stack.supervisor.operations, '/metrics')
  for (const name of ['root', 'spool', 'run'])
    assert.match(metrics, new RegExp(`sluice_disk_free_bytes{disk="${name}"`))
  const { body } = await ask(stack.supervisor.operations, '/-/status.json')
  const { disks } = JSON.parse(body) as { disks: { disk: string; freeBytes: number }[] }
  assert.ok(disks.find(({ disk: name }) => name === 'root')!.freeBytes < 8 * 2 ** 20)

  await rm(filler)
  await until('room to be seen', async () => (await readiness()).disk === 'ok')
  // The disk fills up between the advertisement and the push.
  const seen = join(stack.folder, 'seen')
  const wait = `until test -e ${seen}; do sleep 0.05; done`
  await writeHook(join(clone, '.git'), 'pre-push', `head -c 27000000 /dev/zero > ${filler}\n${wait}`)
  const pushing = tryGit(clone, ['push', url, 'HEAD:main'])
  try {
    await until('the shortage to be seen again', async () => (await readiness()).disk !== 'ok')
  } finally {
    await writeFile(seen, '')
  }
  const late = await pushing
  assert.notEqual(late.code, 0)
  assert.match(late.stderr, /remote: .*nearly full/)
  await rm(join(clone, '.git/hooks/pre-push'))
  await rm(filler)
  await until('room to be seen', async () => (await readiness()).disk === 'ok')
  await git(clone, ['push', '-q', url, 'HEAD:main'])
})

test('a push that says it is larger than the free space is refused before it is sent', async (context) => {
  await using disk = await smallDisk('size=32m')
  if (!disk) return context.skip('This user may not mount a tmpfs.')
  await using stack = await startStack({ SLUICE_ROOT: disk.root, SLUICE_MIN_FREE_DISK: '20MiB' })
  const clone = await cloneWithChange(stack.folder, disk.root, 16 * 2 ** 20)
  const { code, stderr } = await tryGit(clone, [
    '-c',
    'http.postBuffer=100000000',
    'push',
    `${stack.url}/app.git`,
    'HEAD:main',
  ])
  assert.notEqual(code, 0)
  assert.match(stderr, /remote: This push is larger than what the disk of the server has room for/)
})

test('a push that fills the disk is logged as a failure of the server, and its user is told so', async (context) => {
  await using disk = await smallDisk('size=32m')
  if (!disk) return context.skip('This user may not mount a tmpfs.')
  await using stack = await startStack({ SLUICE_ROOT: disk.root, SLUICE_MIN_FREE_DISK: '0B' })
  for (const limit of ['1', '1000']) {
    await rm(join(disk.root, 'app.git'), { recursive: true, force: true })
    await rm(join(stack.folder, 'clone'), { recursive: true, force: true })
    const clone = await cloneWithChange(stack.folder, disk.root, 2 ** 20)
    await git(join(disk.root, 'app.git'), ['config', 'receive.unpackLimit', limit])
    const filler = await fill(disk.root, 300_000)
    const before = stack.supervisor.lines.length
    assert.notEqual((await tryGit(clone, ['push', `${stack.url}/app.git`, 'HEAD:main'])).code, 0)
    const isPush = (line: object) =>
      'kind' in line && line.kind === 'rpc' && 'bytesIn' in line && Number(line.bytesIn) > 4
    const line = await until('its line', () => stack.supervisor.lines.slice(before).find(isPush))
    assert.deepEqual([line['outcome'], line['reason'], line['level']], ['git_failed', 'disk_full', 'warn'])
    assert.match(String(line['said']), /No space left on device/)
    const gateways = await stack.gateway.line((one) => one['requestId'] === line['requestId'])
    assert.deepEqual([gateways['outcome'], gateways['reason']], ['git_failed', 'disk_full'])
    await rm(filler)
  }
})
