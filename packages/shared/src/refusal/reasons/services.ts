import type { ReasonRow } from './reason-row.ts'

export const services = {
  not_a_git_address: {
    status: 404,
    outcome: 'refused',
    sentence: 'There is no page here. This is a git remote: use it as "git clone <this server>/<repository>.git".',
    advice: 'A scanner or a client of the dumb protocol. A browser that asks for HTML gets a page.',
  },
  not_smart_http: {
    status: 403,
    outcome: 'refused',
    sentence: 'This remote speaks smart HTTP only: the address lacks ?service=git-upload-pack or git-receive-pack.',
    advice: 'A client of the dumb protocol, which every git since 1.6.6 can do without.',
  },
  unknown_service: {
    status: 403,
    outcome: 'refused',
    sentence: 'This remote offers the services git-upload-pack and git-receive-pack only.',
    advice: 'A scanner. Nothing to do.',
  },
  service_disabled: {
    status: 403,
    outcome: 'refused',
    sentence: 'This service is switched off for this repository.',
    advice:
      '`http.receivepack` or `http.uploadpack` is false in the configuration of the repository. For archives: `http.uploadarchive` is, or `SLUICE_ARCHIVES` is off.',
  },
  bad_archive_name: {
    status: 400,
    outcome: 'refused',
    sentence:
      'The name of an archive is that of a branch or a tag, or the id of a commit (at least 7 digits), with .tar.gz or .zip after it.',
    advice: 'A mistyped address, or a scanner. Nothing to do.',
  },
  archive_missing: {
    status: 404,
    outcome: 'refused',
    sentence: 'There is no branch, tag or commit of this name in this repository that you could fetch.',
    advice:
      'The reference does not exist, is hidden, or leads to no commit; or no reference that clients see leads to the commit.',
  },
  bundle_missing: {
    status: 404,
    outcome: 'refused',
    sentence: 'There is no such bundle (any more). git clones without it.',
    advice: 'It was renewed or removed since the client heard of it. git goes on with a fetch, so nothing is lost.',
  },
  archive_not_offered: {
    status: 403,
    outcome: 'refused',
    sentence:
      'git archive --remote is not offered here: clone the repository ("git clone --depth 1" is enough), and run git archive in the clone.',
    advice: 'The user clones instead.',
  },
} as const satisfies Record<string, ReasonRow>
