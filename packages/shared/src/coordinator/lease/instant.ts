import { uptime } from 'node:os'

/*
 * Time that passes for everybody: nobody sets these clocks. There are two, because the monotonic one of Linux
 * (CLOCK_MONOTONIC, `performance.now()`) stands still while the machine sleeps, and a lease does not. The other one counts
 * the sleep (CLOCK_BOOTTIME, `/proc/uptime`), in steps of 10 ms, and costs 6 µs to read. Both go on while the process is
 * stopped (SIGSTOP). A virtual machine that is frozen from outside has no clock that goes on.
 */
export type Instant = { readonly monotonic: number; readonly sinceBoot: number }

export function instantNow(): Instant {
  return { monotonic: performance.now(), sinceBoot: uptime() * 1000 }
}

/** Whether fewer than so many milliseconds have passed by both clocks. */
export function isWithin(milliseconds: number, since: Instant): boolean {
  if (performance.now() - since.monotonic >= milliseconds) return false
  return uptime() * 1000 - since.sinceBoot < milliseconds
}

export function millisecondsSince({ monotonic }: Instant): number {
  return performance.now() - monotonic
}
