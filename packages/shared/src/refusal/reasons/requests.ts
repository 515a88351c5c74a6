import type { ReasonRow } from './reason-row.ts'

export const requests = {
  bad_address: {
    status: 400,
    outcome: 'refused',
    sentence: 'The address is not valid: it must be percent-encoded UTF-8 without control characters or backslashes.',
    advice: 'A scanner, or a mistake of the client. Nothing to do.',
  },
  bad_name: {
    status: 400,
    outcome: 'refused',
    sentence:
      'The repository name is not valid: no part of it may be empty, "." or "..", start with "-", end in ".lock" or contain a backslash.',
    advice: 'A scanner, or a mistake of the client. Nothing to do.',
  },
  name_too_long: {
    status: 414,
    outcome: 'refused',
    sentence: 'The repository name is too long: at most 4096 bytes in all, 64 parts, and 240 bytes in each.',
    advice: 'A scanner, or a mistake of the client. Nothing to do.',
  },
  repeated_header: {
    status: 400,
    outcome: 'refused',
    sentence: 'The request repeats a header that it may have only once.',
    advice: 'A broken client or proxy, or somebody who tries things out.',
  },
  two_hosts: {
    status: 400,
    outcome: 'refused',
    sentence: 'The request names two different hosts, in its address and in its Host header.',
    advice: 'A broken client or proxy, or somebody who tries things out.',
  },
  unknown_host: {
    status: 403,
    outcome: 'refused',
    sentence: 'This server does not go by this name: add it to SLUICE_HOST_NAMES.',
    advice:
      'Add the name that your proxy passes on to SLUICE_HOST_NAMES. If it is none of yours, a web page tries to get in.',
  },
  cross_site: {
    status: 403,
    outcome: 'refused',
    sentence:
      'A page of another web site asked for this in a browser, which SLUICE_CORS_ORIGINS does not allow. If a proxy changes the Host header, let it pass the header on.',
    advice: 'If the page may use this remote, name its site in SLUICE_CORS_ORIGINS.',
  },
  wrong_method: {
    status: 405,
    outcome: 'refused',
    sentence: 'This address does not take this HTTP method.',
    advice: 'Not a git client, or a proxy that changes requests.',
  },
  wrong_content_type: {
    status: 415,
    outcome: 'refused',
    sentence: 'The Content-Type does not fit this service.',
    advice: 'Not a git client, or a proxy that changes requests.',
  },
  wrong_content_encoding: {
    status: 415,
    outcome: 'refused',
    sentence: 'The Content-Encoding is not supported: send the body as it is or with gzip.',
    advice: 'Not a git client, or a proxy that changes requests.',
  },
  bad_protocol: {
    status: 400,
    outcome: 'refused',
    sentence: 'The Git-Protocol header is not valid: it must look like "version=2" and have at most 256 bytes.',
    advice: 'Not a git client, or a proxy that changes requests.',
  },
  bad_gzip: {
    status: 400,
    outcome: 'refused',
    sentence: 'The request says Content-Encoding: gzip, but its body is not valid gzip.',
    advice: 'Not a git client, or a proxy that changes requests.',
  },
  bad_body: {
    status: 400,
    outcome: 'refused',
    sentence: 'The request body is not well-formed: its chunks or its trailers cannot be read.',
    advice: 'Not a git client, or a proxy that changes requests.',
  },
  bad_pkt_line: {
    status: 400,
    outcome: 'refused',
    sentence: 'The request body is not in pkt-line format, or it was cut short.',
    advice: 'Not a git client, or a proxy that changes requests.',
  },
  tiny_pieces: {
    status: 400,
    outcome: 'refused',
    sentence: 'The request body comes in thousands of pieces of a few bytes each: send larger ones.',
    advice: 'Not a git client, or a proxy that changes requests.',
  },
  body_too_large: {
    status: 413,
    outcome: 'refused',
    sentence: 'The request is too large, once inflated.',
    advice: 'A fetch request is larger than SLUICE_MAX_FETCH_REQUEST.',
  },
  git_refused: {
    status: 400,
    outcome: 'refused',
    sentence: 'git did not understand this request, or does not do what it asks.',
    advice: 'A mistake of the client, such as `not our ref`: see `said` in the log of the host.',
  },
} as const satisfies Record<string, ReasonRow>
