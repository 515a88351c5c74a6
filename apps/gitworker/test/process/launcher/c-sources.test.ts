import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { FrameReader } from '../../../src/process/launcher/frames.ts'
import type { Frame } from '../../../src/process/launcher/frames.ts'
import { commandFrame, parseFromLaunchedWorker, signalFrame } from '../../../src/process/launcher/worker-frames.ts'
import { SeededRandom } from '@sluice/shared/testing/seeded-random'
import { until } from '@sluice/shared/testing/until'

/**
 * The C sources by another compiler than Bun's: one that warns, and that finds what is read or written out of bounds. Such
 * a compiler is not part of what Sluice needs, so these are skipped where there is none.
 */

const sources = fileURLToPath(new URL('../../../src/worker/launcher', import.meta.url))
const harnesses = fileURLToPath(new URL('../../fixtures/launcher', import.meta.url))

const strict = ['-std=gnu11', '-Wall', '-Wextra', '-Werror', '-fno-builtin', `-I${sources}`]
const sanitized = [...strict, '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all']

function whyNot(...args: string[]): string | false {
  const { status } = spawnSync('gcc', [...args, '-x', 'c', '-', '-o', '/dev/null'], {
    input: 'int main(void) { return 0; }',
  })
  return status === 0 ? false : `gcc ${args.join(' ')} does not work here`
}

const withoutGcc = whyNot()
const withoutSanitizers = whyNot('-fsanitize=address,undefined')

function compile(args: readonly string[]): void {
  const { status, stderr } = spawnSync('gcc', args, { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
}

test('the launcher compiles without a warning', { skip: withoutGcc }, () => {
  compile([...strict, '-O2', '-c', join(sources, 'launcher.c'), '-o', '/dev/null'])
})

/** What layout.c prints with these headers: this machine runs it, whatever machine they are for. */
async function layoutWith(...options: string[]): Promise<string> {
  await using folder = await temporaryFolder()
  const program = join(folder.path, 'layout')
  compile([...options, '-fno-builtin', join(harnesses, 'layout.c'), '-o', program])
  return spawnSync(program, { encoding: 'utf8' }).stdout
}

/** Other libraries and machines, as Debian packages their headers. */
const musl = '/usr/include/x86_64-linux-musl'
const ofArm = '/usr/aarch64-linux-gnu/include'

describe('what is declared of libc is what its headers say', { skip: withoutGcc }, () => {
  const own = `-I${sources}`
  const compilers = withoutGcc ? '' : spawnSync('gcc', ['-print-file-name=include'], { encoding: 'utf8' }).stdout.trim()
  const instead = (...folders: string[]) => ['-nostdinc', ...[compilers, ...folders].flatMap((it) => ['-isystem', it])]

  const others: [name: string, folder: string, packages: string, options: () => string[]][] = [
    ['this machine', sources, '', () => []],
    ['musl', musl, 'musl-dev', () => instead(musl, '/usr/include', '/usr/include/x86_64-linux-gnu')],
    [
      'glibc on arm64',
      ofArm,
      'libc6-dev-arm64-cross and linux-libc-dev-arm64-cross',
      () => [...instead(ofArm), '-U__x86_64__', '-U__x86_64', '-D__aarch64__'],
    ],
  ]
  for (const [name, folder, packages, options] of others) {
    test(`those of ${name}`, { skip: !existsSync(folder) && `${packages} is not installed` }, async () => {
      const ours = await layoutWith('-DUSE_OURS', own)
      assert.equal(await layoutWith('-DUSE_THEIRS', ...options()), ours)
      assert.match(ours, /sockaddr_un 110/)
    })
  }
})

const command = {
  argv: ['git', 'upload-pack', '--stateless-rpc', '/srv/git/project.git'],
  env: { PATH: '/usr/bin:/bin', HOME: '/nowhere' },
  cwd: '/srv',
}
const graces = { term: 100, kill: 100, drain: false }

describe('with sanitizers', { skip: withoutSanitizers }, () => {
  test('commands that are broken in every way are read within their bounds', async () => {
    await using folder = await temporaryFolder()
    const program = join(folder.path, 'parse')
    compile([...sanitized, '-Wno-unused-function', join(harnesses, 'parse-commands.c'), '-o', program])
    const limits = { resources: [{ resource: 7, soft: 512n, hard: 1024n }], oomScoreAdj: -3 }
    const sound = [commandFrame(command, graces), commandFrame({ ...command, niceness: 5 }, graces, limits)].map((it) =>
      it.subarray(5),
    )
    const random = new SeededRandom(15)
    const inputs = Array.from({ length: 30_000 }, (_, round) => {
      const body = Buffer.from(sound[round % 2]!)
      for (let edits = random.below(4); edits > 0; edits--)
        body[random.below(random.below(2) ? 32 : body.length)] = random.below(256)
      return random.below(3) === 0 ? body.subarray(0, random.below(body.length + 1)) : body
    })
    const all = [...sound, ...inputs].flatMap((body) => {
      const length = Buffer.alloc(4)
      length.writeUInt32LE(body.length)
      return [length, body]
    })
    const { status, stdout, stderr } = spawnSync(program, { input: Buffer.concat(all), encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    const [accepted, refused] = stdout.trim().split(' ').map(Number)
    assert.ok(accepted! >= 2 && refused! > 1000, stdout)
  })

  describe('a worker', () => {
    let program: string
    before(async () => {
      // Not disposed of before all of these are over.
      const folder = await temporaryFolder()
      program = join(folder.path, 'worker')
      compile([...sanitized, join(harnesses, 'worker-alone.c'), '-o', program])
    })

    /** Says these bytes to a worker, and returns its messages when it has ended. */
    async function say(bytes: Buffer, then: (frames: Frame[], channel: Socket) => void = () => {}): Promise<Frame[]> {
      const worker = spawn(program, { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] })
      const channel = worker.stdio[3] as Socket
      channel.on('error', () => {})
      const reader = new FrameReader()
      const frames: Frame[] = []
      channel.on('data', (chunk: Buffer) => {
        frames.push(...reader.read(chunk))
        then(frames, channel)
      })
      if (bytes.length > 0) channel.write(bytes)
      then(frames, channel)
      // With its channel closed, all that it has said is here.
      const [code] = (await once(worker, 'close')) as [number | null]
      assert.equal(code, 0)
      return frames
    }

    const shell = (script: string) =>
      commandFrame({ argv: ['/bin/sh', '-c', script], env: { PATH: process.env['PATH'] ?? '' }, cwd: '/' }, graces)

    test('runs its command and says how that ended', async () => {
      const [frame] = await say(shell('exit 7'))
      const message = parseFromLaunchedWorker(frame!)
      assert.ok(message.type === 'exited' && message.report.code === 7 && !message.hasLeft)
    })

    test('waits for what outlives its command, and passes signals on', async () => {
      const frames = await say(shell('(trap "" TERM; sleep 1000) & setsid sleep 1000 & exit 0'), (seen, channel) => {
        if (seen.length === 1) channel.write(Buffer.concat([signalFrame('SIGTERM'), signalFrame('SIGKILL')]))
      })
      assert.deepEqual(
        frames.map(({ type }) => type),
        ['X', 'E'],
      )
    })

    test('ends what it runs when its channel is lost', async () => {
      // It may still say how that went.
      await using folder = await temporaryFolder()
      const deaf = join(folder.path, 'deaf')
      const script = `trap "" TERM; : >'${deaf}'; while :; do sleep 1; done`
      const [frame] = await say(shell(script), (_, channel) => {
        void until('it to run', () => existsSync(deaf)).then(() => channel.end())
      })
      const message = parseFromLaunchedWorker(frame!)
      assert.ok(message.type === 'exited' && message.report.signal === 'SIGKILL')
    })

    test('that hears nothing in the protocol runs nothing', async () => {
      const sound = shell('exit 0')
      const tooLong = Buffer.from([255, 255, 255, 255, 67])
      const noCommand = signalFrame('SIGTERM')
      const manyStrings = Buffer.from(sound)
      manyStrings.writeUInt32LE(2 ** 32 - 1, 5 + 12)
      for (const bytes of [tooLong, noCommand, manyStrings]) {
        const [frame] = await say(bytes)
        assert.deepEqual(parseFromLaunchedWorker(frame!), {
          type: 'not_started',
          error: 'its command could not be read (EPROTO)',
        })
      }
      for (const cut of [0, 3, 5, sound.length - 1]) {
        assert.deepEqual(await say(sound.subarray(0, cut), (_, channel) => channel.end()), [])
      }
    })
  })
})
