import { failedInCalm, forks, lostPushes, seenThoughRefused, staleReads } from './check-pushes.ts'
import { lateAcknowledgements, wrongClaims } from './check-primaries.ts'
import type { History } from '../history.ts'
import type { Found } from './left-behind.ts'

/** All that is wrong with a history, in words. */
export function checkHistory(history: History): Found[] {
  return [
    { what: 'acknowledged pushes that are lost in the end', found: lostPushes(history) },
    { what: 'reads that show less than was acknowledged before', found: staleReads(history) },
    { what: 'two acknowledged pushes that follow the same one', found: forks(history) },
    { what: 'pushes that were refused, and seen', found: seenThoughRefused(history) },
    { what: 'hosts that said they were primary, and were not', found: wrongClaims(history) },
    { what: 'pushes that failed though all was well', found: failedInCalm(history) },
    { what: 'pushes that a host acknowledged after a takeover', found: lateAcknowledgements(history) },
  ]
}
