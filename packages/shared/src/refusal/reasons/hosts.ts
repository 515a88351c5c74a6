import type { ReasonRow } from './reason-row.ts'

export const hosts = {
  host_unreachable: {
    status: 503,
    outcome: 'failed',
    sentence: 'The host that keeps this repository does not answer. Please try again in a moment.',
    advice: 'The supervisor was down for SLUICE_HOST_WAIT: see its log.',
  },
  host_failed: {
    status: 502,
    outcome: 'failed',
    sentence: 'The host that keeps this repository broke off before it answered.',
    advice: 'The supervisor broke off: see its log, and look whether a push took effect.',
  },
  host_refused: {
    status: 503,
    outcome: 'failed',
    sentence:
      'The host that keeps this repository does not serve this gateway. The reason is in the log of the server.',
    advice: 'Gateway and host do not know each other: see `docs/operate/tls.md`.',
  },
  slot_down: {
    status: 503,
    outcome: 'failed',
    sentence: 'No host that keeps this repository is up. Please try again in a moment.',
    advice: 'The sentence names the hosts that are missing. See `docs/operate/cluster.md`.',
  },
  placement_unknown: {
    status: 503,
    outcome: 'failed',
    sentence: 'The server does not know yet which host keeps this repository. Please try again in a moment.',
    advice:
      'The gateway has not reached etcd since it started, or no host has joined the cluster yet: `/readyz` says which.',
  },
  misplaced: {
    status: 421,
    outcome: 'refused',
    sentence: 'This host does not serve this repository now. Please ask a gateway.',
    advice:
      'Nothing: a gateway asks another host then. Many for minutes: a host or a gateway does not reach etcd, see its log.',
  },
  no_lease: {
    status: 503,
    outcome: 'shed',
    sentence:
      'This host has lost touch with its cluster, so it serves nothing at the moment. Please try again in a moment.',
    advice: 'The host does not reach etcd, or was stopped for longer than SLUICE_LEASE: see its log.',
  },
  term_over: {
    status: 503,
    outcome: 'failed',
    sentence:
      'This host may not be the one for this repository any more, so it cannot confirm the push, which may or may not have taken effect. Please fetch, and push again if it is missing.',
    advice:
      'The host lost its lease while git was at work: it did not reach etcd, or was stopped. The line of the request says what git did.',
  },
  too_few_copies: {
    status: 503,
    outcome: 'shed',
    sentence:
      'Too few hosts have all of this repository at the moment, so pushes are refused. Nothing was changed: please try again later.',
    advice: 'Fewer than SLUICE_MIN_IN_SYNC copies are in sync and up: `/-/cluster` says which are not, and why.',
  },
  copies_lost: {
    status: 503,
    outcome: 'failed',
    sentence:
      'Too few hosts have this push, so it cannot be confirmed. It has taken effect on one of them, and may be lost. Please fetch, and push again if it is missing.',
    advice: 'While the push ran, a copy failed, and fewer than SLUICE_MIN_IN_SYNC were left: see the log for why.',
  },
  wrong_secret: {
    status: 403,
    outcome: 'refused',
    sentence: 'This host serves its gateways only: the request does not have its secret.',
    advice: 'Gateway and host do not know each other: see `docs/operate/tls.md`.',
  },
  wrong_certificate: {
    status: 403,
    outcome: 'refused',
    sentence: 'This host serves its gateways only: the connection has no certificate that it knows.',
    advice: 'Gateway and host do not know each other: see `docs/operate/tls.md`.',
  },
} as const satisfies Record<string, ReasonRow>
