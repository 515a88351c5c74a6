/** The little of Bun that the launcher uses, declared here because Bun's own types would replace Node's everywhere. */

declare module 'bun:ffi' {
  type Type = 'i32' | 'ptr'
  /** Compiles C. @throws {Error} with the compiler's words */
  export function cc<S extends Record<string, { args: readonly Type[]; returns: 'i32' }>>(options: {
    source: string
    symbols: S
  }): { symbols: { [K in keyof S]: (...args: (number | Uint8Array)[]) => number } }
}
