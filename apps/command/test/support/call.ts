import { PassThrough } from 'node:stream'
import { run } from '../../src/run.ts'

/** Runs the command in this process. */
export async function call(
  argv: readonly string[],
  options: { env?: NodeJS.ProcessEnv; columns?: number; stdin?: string } = {},
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const said = { stdout: '', stderr: '' }
  const sink = (to: 'stdout' | 'stderr') => ({
    ...(options.columns === undefined ? {} : { isTTY: true, columns: options.columns }),
    write: (text: string) => void (said[to] += text),
  })
  const stdin = new PassThrough().end(options.stdin ?? '') as unknown as NodeJS.ReadStream
  const surroundings = { env: options.env ?? {}, stdin, stdout: sink('stdout'), stderr: sink('stderr') }
  const exitCode = await run(argv, surroundings)
  return { exitCode, ...said }
}

/** The document that a call prints with --json. */
export async function documentOf(
  argv: readonly string[],
  options: Parameters<typeof call>[1] = {},
): Promise<{ exitCode: number; document: unknown }> {
  const { exitCode, stdout } = await call([...argv, '--json'], options)
  return { exitCode, document: JSON.parse(stdout) as unknown }
}
