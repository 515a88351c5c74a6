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
