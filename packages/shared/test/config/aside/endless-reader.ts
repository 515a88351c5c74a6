import type { AsideReader } from '../../../src/config/aside/read-aside.ts'

/** Has one piece, and never comes to the next. */
export const reader: AsideReader<number> = {
  module: import.meta.url,
  *pieces() {
    yield 1
    for (;;);
  },
}
