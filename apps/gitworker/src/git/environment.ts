/** A path at which not even root can create anything, since its parent is no folder. */
const nowhere = '/dev/null'

/**
 * The environment of git and its hooks. Nothing of the supervisor's own environment is passed on.
 *
 * @param config the only configuration file besides the repository's own
 * @param home a folder that belongs to the request; none by default
 */
export function gitEnvironment(path: string, config: string, home: string = nowhere): Record<string, string> {
  return {
    PATH: path,
    HOME: home,
    LANG: 'C.UTF-8',
    // The machine's configuration must not change git's replies.
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: config,
    // There is nobody to answer.
    GIT_TERMINAL_PROMPT: '0',
  }
}

/** The client, for hooks and the reflog, in the variables that git's http-backend(1) sets. */
export function clientEnvironment(client: { user: string | undefined; address: string }): Record<string, string> {
  const name = client.user ?? 'anonymous'
  return {
    ...(client.user !== undefined && { REMOTE_USER: client.user }),
    REMOTE_ADDR: client.address,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: `${name}@http.${client.address}`,
  }
}
