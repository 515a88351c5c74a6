import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { until } from '@sluice/shared/testing/until'

/** Podman as `run.sh` has set it up: its images are there, and its containers have networks of their own. */

const program = process.env['SLUICE_TEST_PODMAN']
export const skipWithoutPodman = program === undefined ? 'run by "npm run test:engine"' : false

export type Result = { readonly code: number; readonly stdout: string; readonly stderr: string }

export function tryPodman(...args: string[]): Promise<Result> {
  return new Promise((resolve) => {
    execFile(program!, args, { maxBuffer: 64 * 2 ** 20 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ code, stdout, stderr: stderr || (code === -1 ? String(error?.message) : '') })
    })
  })
}

/** @returns what it printed, trimmed */
export async function podman(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await tryPodman(...args)
  assert.equal(code, 0, `podman ${args.join(' ')}: ${stderr}${stdout}`)
  return stdout.trim()
}

export type Line = Record<string, unknown>

/** A container that runs until it is disposed of. */
export class Container implements AsyncDisposable {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }

  static async start(...args: string[]): Promise<Container> {
    const name = `test-${randomUUID()}`
    await podman('run', '--detach', '--name', name, ...args)
    return new Container(name)
  }

  /** Runs a command of the shell inside, as the user of the image or as another one. */
  async sh(command: string, ...options: string[]): Promise<string> {
    return podman('exec', ...options, this.name, 'sh', '-c', command)
  }

  async inspect<T>(what: string): Promise<T> {
    return JSON.parse(await podman('inspect', '--format', `{{json ${what}}}`, this.name)) as T
  }

  /** All that it has said. */
  async output(): Promise<string> {
    const { stdout, stderr } = await tryPodman('logs', this.name)
    return stdout + stderr
  }

  async lines(): Promise<Line[]> {
    return (await this.output()).split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Line) // prettier-ignore
  }

  async line(what: string, is: (line: Line) => boolean): Promise<Line> {
    return until(`${this.name} to say: ${what}`, async () => (await this.lines()).find(is))
  }

  /** Resolves with the line that says that it listens. */
  async listening(): Promise<Line> {
    return this.line('that it listens', ({ msg }) => String(msg).startsWith('listening'))
  }

  /** Resolves when the check that the image itself has says that it is well. */
  async healthy(): Promise<void> {
    await until(`${this.name} to be healthy`, async () => {
      assert.equal(await this.inspect('.State.Running'), true, await this.output())
      return (await tryPodman('healthcheck', 'run', this.name)).code === 0
    })
  }

  /** Sends SIGTERM, or the image's own signal. @returns the exit code */
  async stop(seconds = 60): Promise<number> {
    await podman('stop', '--time', `${seconds}`, this.name)
    return this.inspect<number>('.State.ExitCode')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await tryPodman('rm', '--force', '--time', '0', '--volumes', this.name)
  }
}
