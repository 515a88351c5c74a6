import type { Mirror } from '@sluice/shared/config/mirrors/mirrors-file'

/*
 * git's arguments. What an upstream must not get around is on the command line, where it wins over any configuration.
 */

function guards({ upstream }: Mirror): string[] {
  const settings = [
    // No ext::, no ssh, no git://, and nothing but what the entry names.
    'protocol.allow=never',
    `protocol.${upstream.scheme}.allow=always`,
    // A redirect would lead elsewhere than the operator has said. Nor are http-alternates of a dumb server followed then.
    'http.followRedirects=false',
    'transfer.bundleURI=false',
    'fetch.uriProtocols=',
    'core.hooksPath=/dev/null',
    'gc.auto=0',
  ]
  return settings.flatMap((setting) => ['-c', setting])
}

/** Lists all references of the upstream, and where its HEAD leads to. */
export function lookCommand(mirror: Mirror, address: string): string[] {
  return [...guards(mirror), 'ls-remote', '--symref', '--', address]
}

/** Lists those of a repository in the same form. */
export function listCommand(gitDir: string): string[] {
  return [`--git-dir=${gitDir}`, 'for-each-ref', '--format=%(objectname)%09%(refname)']
}

/** @param isAtomic all references at once, or each by itself */
export function fetchCommand(mirror: Mirror, address: string, gitDir: string, isAtomic: boolean): string[] {
  const options = [
    '--prune',
    ...(isAtomic ? ['--atomic'] : []),
    '--no-tags',
    '--no-write-fetch-head',
    '--no-auto-maintenance',
    '--no-recurse-submodules',
    '--no-show-forced-updates',
    '--quiet',
  ]
  return [...guards(mirror), `--git-dir=${gitDir}`, 'fetch', ...options, '--', address, ...mirror.refs.refspecs]
}
