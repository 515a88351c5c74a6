/** EAGAIN of fork(2), ENOMEM, and git's own messages about threads and memory. */
const shortages = /Resource temporarily unavailable|Cannot allocate memory|unable to create thread|Out of memory/i

/** Whether git failed because the host has no processes or memory left. A moment later it may succeed. */
export function isShortage(stderr: string): boolean {
  return shortages.test(stderr)
}
