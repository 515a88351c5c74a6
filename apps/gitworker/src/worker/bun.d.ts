/** The part of Bun that workers use. Bun's own type declarations would replace Node's everywhere. */

declare namespace Bun {
  function spawn(
    argv: string[],
    options: { env: Readonly<Record<string, string>>; cwd: string; stdio: ['inherit', 'inherit', 'inherit'] },
  ): {
    readonly exited: Promise<number>
    readonly exitCode: number | null
    readonly signalCode: string | null
    /** Undefined until the process has exited. `cpuTime` is in microseconds, `maxRSS` in bytes. */
    resourceUsage(): { cpuTime: { total: bigint }; maxRSS: number } | undefined
  }
}

declare module 'bun:ffi' {
  type Type = 'i32' | 'u64' | 'ptr'
  type Native<T extends Type> = T extends 'ptr' ? null : number
  export function dlopen<S extends Record<string, { args: Type[]; returns: 'i32' }>>(
    library: string,
    symbols: S,
  ): { symbols: { [K in keyof S]: (...args: (number | null)[]) => Native<S[K]['returns']> } }
}
