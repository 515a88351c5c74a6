/** As SIGSTOP does it: this process hears nothing meanwhile, and all of its timers are due behind it. */
export function standStill(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}
