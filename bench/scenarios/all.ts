import { aged } from './aged.ts'
import { bigPush } from './big-push.ts'
import { cloneCold } from './clone-cold.ts'
import { cloneSame } from './clone-same.ts'
import { fetchSmall } from './fetch-small.ts'
import { latency } from './latency.ts'
import { poll, pollManyRefs, pollVersion0 } from './poll.ts'
import { pushSmall } from './push-small.ts'
import type { Scenario } from './scenario.ts'
import { shallow } from './shallow.ts'
import { streamsOfDifferent, streamsOfSame } from './streams.ts'

export const scenarios: readonly Scenario[] = [
  poll,
  pollVersion0,
  pollManyRefs,
  latency,
  fetchSmall,
  shallow,
  cloneCold,
  cloneSame,
  pushSmall,
  streamsOfSame,
  streamsOfDifferent,
  bigPush,
  aged,
]
