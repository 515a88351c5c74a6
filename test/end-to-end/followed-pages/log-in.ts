import { tmpdir } from 'node:os'
import { tryGit } from '@sluice/shared/testing/git'

/** A server's address with a user's name and password in it. */
export function withLogin(url: string, user: string, password: string): string {
  return url.replace('://', `://${encodeURIComponent(user)}:${encodeURIComponent(password)}@`)
}

/** Whether git reads a repository at an address that may have a log-in in it. */
export async function readsAs(url: string, name: string): Promise<boolean> {
  return (await tryGit(tmpdir(), ['ls-remote', `${url}/${name}`])).code === 0
}
