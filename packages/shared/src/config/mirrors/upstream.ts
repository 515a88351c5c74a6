/** Where a mirror's repository is. */
export type Upstream = {
  /** Without a user and a password, so that it may be shown. */
  readonly url: string
  readonly scheme: 'http' | 'https' | 'file'
  /** With its port, in lower case: what requests are counted by. Empty for a file. */
  readonly host: string
  /** For a file: its path. */
  readonly path: string
}

const schemes: ReadonlySet<string> = new Set(['http', 'https', 'file'])

/** @returns the upstream, or why this is none */
export function parseUpstream(text: string): Upstream | { readonly problem: string } {
  if (/[\s\p{Cc}\\]/u.test(text)) return { problem: 'an upstream has no spaces, backslashes and control characters' }
  const scheme = /^([a-z]+):\/\//.exec(text)?.[1]
  if (scheme === undefined || !schemes.has(scheme) || !URL.canParse(text)) return { problem: formOfUpstream }
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') {
    return { problem: 'the address of an upstream must not have a user or a password in it: use credentials' }
  }
  if (url.search !== '' || url.hash !== '') return { problem: 'the address of an upstream has no ? and no #' }
  if (scheme !== 'file') return { url: text, scheme: scheme as 'http' | 'https', host: url.host, path: url.pathname }
  const path = text.slice('file://'.length)
  const isPlain = path.startsWith('/') && !path.split('/').includes('..') && !path.includes('%')
  return isPlain ? { url: text, scheme: 'file', host: '', path } : { problem: formOfUpstream }
}

const formOfUpstream =
  'an upstream is an address such as https://git.example.org/team/project.git: with http, https or file (file:///srv/project.git), and nothing else'

/** What credentials are chosen by: `https://git.example.org`. */
export function originOf({ scheme, host }: Upstream): string {
  return `${scheme}://${host}`
}
