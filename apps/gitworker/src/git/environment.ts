/** What git and its hooks find in their environment: this list, and nothing of the supervisor's own. */
export function gitEnvironment(host: { readonly path: string; readonly home: string }): Record<string, string> {
  return {
    PATH: host.path,
    HOME: host.home,
    LANG: 'C.UTF-8',
    // The host's own configuration must not change what a remote answers.
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    // Nobody is there to answer a question.
    GIT_TERMINAL_PROMPT: '0',
  }
}

/** Who asked, for hooks and the reflog: the same variables as from git's http-backend(1). */
export function clientEnvironment(client: { user: string | undefined; address: string }): Record<string, string> {
  const name = client.user ?? 'anonymous'
  return {
    ...(client.user !== undefined && { REMOTE_USER: client.user }),
    REMOTE_ADDR: client.address,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: `${name}@http.${client.address}`,
  }
}
