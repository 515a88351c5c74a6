import type { Logger } from '@sluice/shared/telemetry/log'
import { AdaptiveLimit } from '../../capacity/adaptive-limit.ts'
import { Admission, laneReasons } from '../../capacity/admission.ts'
import type { Sizes } from '../../capacity/sizing.ts'
import type { SupervisorConfig } from '../../config/config.ts'
import type { HostMetrics } from '../../operations/metrics.ts'

/** Opens the lanes, each with the number of slots in `sizes`. */
export function openLanes(config: SupervisorConfig, sizes: Sizes, metrics: HostMetrics): Admission {
  const { largestShare, queueLength, queueTimeout, lfsSlots } = config
  const lane = (slots: number) => ({ slots, largestShare, queueLength, queueTimeout, reasons: laneReasons })
  return new Admission(
    {
      'fetch': lane(sizes.fetchSlots),
      'push': lane(sizes.pushSlots),
      'push-advertisement': lane(sizes.pushAdvertisementSlots),
      'lfs': lane(lfsSlots),
      // All jobs are the supervisor's own, so they may use the whole lane.
      'job': { ...lane(sizes.jobSlots), largestShare: 1 },
    },
    (name, milliseconds) => metrics.waited(name, milliseconds),
  )
}

/** Lowers the number of concurrent fetches while the host is short of memory or processor time. */
export function adaptFetchSlots({ lanes }: Admission, log: Logger): AdaptiveLimit {
  return new AdaptiveLimit({
    configured: lanes.fetch.limits.slots,
    onChange: (slots) => lanes.fetch.resize(slots),
    log,
  })
}
