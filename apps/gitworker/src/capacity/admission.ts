import type { GitRequest } from '@sluice/shared/git/git-route'
import type { Claim } from '@sluice/shared/admission/fair-queue'
import { Lane } from '@sluice/shared/admission/lane'
import type { LaneLimits } from '@sluice/shared/admission/lane'

/*
 * Five lanes, each with slots of its own, so that a flood in one cannot starve another. Four are for clients' requests;
 * those of `lfs` are for objects that this process moves itself, the others for one git each. One is for the supervisor's
 * own git commands (jobs). A request may wait for a job while it holds its own slot. A job never waits for a request, so the two cannot block each other.
 */

export const laneNames = ['fetch', 'push', 'push-advertisement', 'lfs', 'job'] as const

/** The reasons with which the lanes refuse requests. */
export const laneReasons = { full: 'queue_full', late: 'queue_timeout' } as const

export type LaneName = (typeof laneNames)[number]

export function laneOf(request: Pick<GitRequest, 'kind' | 'service'>): LaneName {
  if (request.service === 'upload-pack') return 'fetch'
  return request.kind === 'advertisement' ? 'push-advertisement' : 'push'
}

/** Called at the end of each wait for a slot, also if no slot was given. */
export type OnWaited = (lane: LaneName, milliseconds: number) => void

export class Admission {
  readonly lanes: Readonly<Record<LaneName, Lane>>
  readonly #onWaited: OnWaited

  constructor(limits: Readonly<Record<LaneName, LaneLimits>>, onWaited: OnWaited = () => {}) {
    const lane = (name: LaneName) => new Lane(limits[name])
    this.lanes = {
      'fetch': lane('fetch'),
      'push': lane('push'),
      'push-advertisement': lane('push-advertisement'),
      'lfs': lane('lfs'),
      'job': lane('job'),
    }
    this.#onWaited = onWaited
  }

  /**
   * Waits for a slot. Dispose of it when everything that runs in it has ended.
   *
   * @throws {Refusal} `queue_full`, `queue_timeout`
   * @throws the signal's reason
   */
  async admit(lane: LaneName, claim: Claim, signal: AbortSignal): Promise<Disposable> {
    const since = performance.now()
    try {
      return await this.lanes[lane].admit(claim, signal)
    } finally {
      this.#onWaited(lane, performance.now() - since)
    }
  }
}
