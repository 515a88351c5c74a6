/** Where nobody can put anything, not even root: below something that is no folder. */
const nowhere = '/dev/null'

/**
 * What git and its hooks find in their environment: this list, and nothing of the supervisor's own.
 *
 * @param config the one file of configuration beside the repository's own
 * @param home a folder of the request's own; none unless given
 */
export function gitEnvironment(path: string, config: string, home: string = nowhere): Record<string, string> {
  return {
    PATH: path,
    HOME: home,
    LANG: 'C.UTF-8',
    // The host's own configuration must not change what a remote answers.
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: config,
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
