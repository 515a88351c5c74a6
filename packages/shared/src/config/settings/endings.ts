import type { Setting } from '../setting/setting.ts'
import { duration } from '../setting/values.ts'

export const endings = {
  pushGrace: {
    name: 'SLUICE_PUSH_GRACE',
    apps: ['supervisor'],
    takes: 'a time such as 0s, 500ms or 30s',
    purpose:
      'How long a push that is torn down may take to end by itself and clean up before it gets SIGTERM. Fetches get SIGTERM at once.',
    fallback: '500ms',
    schema: duration(0),
  },
  killGrace: {
    name: 'SLUICE_KILL_GRACE',
    apps: ['supervisor'],
    takes: 'a time such as 0s, 500ms or 30s',
    purpose: 'How long git may take to obey SIGTERM before it gets SIGKILL.',
    fallback: '5s',
    schema: duration(0),
  },
  hookTimeout: {
    name: 'SLUICE_HOOK_TIMEOUT',
    apps: ['supervisor'],
    takes: 'a time such as 0s, 500ms or 30s',
    purpose:
      'How long post-receive and post-update hooks may go on after their client has left, since the push has happened by then. After it they are ended, with a warning.',
    fallback: '10m',
    schema: duration(0),
  },
  drainTimeout: {
    name: 'SLUICE_DRAIN_TIMEOUT',
    apps: ['gateway', 'supervisor'],
    takes: 'a time such as 0s, 500ms or 30s',
    purpose: 'How long running requests may take to finish after SIGTERM or SIGINT.',
    fallback: '60s',
    schema: duration(0),
  },
  drainDelay: {
    name: 'SLUICE_DRAIN_DELAY',
    apps: ['gateway'],
    takes: 'a time such as 0s, 500ms or 30s',
    purpose:
      'How long the gateway goes on accepting after SIGTERM or SIGINT while /readyz says that it stops, so that a load balancer notices before connections are refused. Set it longer than the time between two of the balancer’s probes, times the number of probes that must fail.',
    fallback: '0s',
    schema: duration(0),
  },
} satisfies Record<string, Setting<unknown>>
