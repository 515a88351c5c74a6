import type { LogLine } from '@sluice/shared/testing/app'

/**
 * When leases of hosts were not surely live, as the hosts log it. On a machine that is slow, or busy with other work, that
 * happens without any fault, and pushes are refused as after a fault.
 */
export class LeasesInDoubt {
  /** By this process's clock. */
  readonly #spans: { readonly host: string; readonly began: number; ended: number }[] = []

  /** Takes each line that members log. */
  take(host: string, { msg }: LogLine): void {
    const text = String(msg)
    if (text.startsWith('the lease of this host is not surely live')) {
      this.#spans.push({ host, began: Date.now(), ended: Infinity })
    } else if (text === 'the lease of this host is live again' || text.startsWith('joined the cluster')) {
      for (const span of this.#spans) if (span.host === host) span.ended = Math.min(span.ended, Date.now())
    }
  }

  /** Whether one was in doubt, or had been until a moment before, in a span of `Date.now()`. */
  were(began: number, ended: number, settleMs = 0): boolean {
    return this.#spans.some((span) => span.began <= ended + lateMs && began <= span.ended + settleMs)
  }
}

/** Hosts see it for themselves before they log it, and lines take their time. */
const lateMs = 1000
