import type { ReasonRow } from './reason-row.ts'

export const load = {
  queue_full: {
    status: 503,
    outcome: 'shed',
    sentence: 'The server is busy: too many requests are waiting already. Please try again in a moment.',
    advice: 'The host is busy: look at the lanes in `/-/status`.',
  },
  queue_timeout: {
    status: 503,
    outcome: 'shed',
    sentence: 'The server is busy: no worker became free in time. Please try again in a moment.',
    advice: 'The host is busy: look at the lanes in `/-/status`.',
  },
  client_full: {
    status: 429,
    outcome: 'shed',
    sentence: 'Too many requests from you are under way already. Please try again in a moment.',
    advice: 'One client or proxy has too much at work. Is SLUICE_TRUSTED_PROXIES set?',
  },
  client_late: {
    status: 429,
    outcome: 'shed',
    sentence: 'This request waited too long for your other requests to end. Please try again in a moment.',
    advice: 'One client or proxy has too much at work. Is SLUICE_TRUSTED_PROXIES set?',
  },
  too_many_connections: {
    status: 503,
    outcome: 'shed',
    sentence: 'The server is busy: too many connections are open. Please try again in a moment.',
    advice: 'SLUICE_MAX_CONNECTIONS, or the limit of descriptors, is reached. A gateway closes idle connections first.',
  },
  no_worker: {
    status: 503,
    outcome: 'failed',
    sentence: 'The server cannot start git at the moment. Please try again in a moment.',
    advice: 'git or a worker cannot be started. Look at SLUICE_GIT; `/readyz` says what is wrong.',
  },
  no_resources: {
    status: 503,
    outcome: 'failed',
    sentence: 'The server has no processes or memory left for git at the moment. Please try again in a moment.',
    advice:
      'A limit of processes or of memory is reached: the host’s (`/readyz` says which), SLUICE_GIT_MEMORY for one process, or SLUICE_REQUEST_PROCESSES for one request (`git.exceeded` in the log).',
  },
  draining: {
    status: 503,
    outcome: 'shed',
    sentence: 'The server is shutting down. Please try again in a moment.',
    advice: 'The server is stopping. Behind a balancer, raise SLUICE_DRAIN_DELAY.',
  },
} as const satisfies Record<string, ReasonRow>
