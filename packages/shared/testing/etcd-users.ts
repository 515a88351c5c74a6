import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const rootUser = 'root:of-everything'
const user = { name: 'sluice', password: 'let-me-in' }

/**
 * Adds a user who may read and write below `/sluice/` only, and one who may do everything.
 *
 * @param ctl runs `etcdctl`
 * @returns the flags of the one who may do everything
 */
export async function addEtcdUsers(ctl: (...args: readonly string[]) => Promise<string>): Promise<string[]> {
  await ctl('user', 'add', rootUser)
  await ctl('user', 'grant-role', 'root', 'root')
  await ctl('role', 'add', 'sluice')
  await ctl('role', 'grant-permission', 'sluice', '--prefix=true', 'readwrite', '/sluice/')
  await ctl('user', 'add', `${user.name}:${user.password}`)
  await ctl('user', 'grant-role', user.name, 'sluice')
  await ctl('auth', 'enable')
  return ['--user', rootUser]
}

/** @param folder gets the file with the password */
export async function etcdUserEnv(folder: string): Promise<Record<string, string>> {
  const file = join(folder, 'password')
  await writeFile(file, `${user.password}\n`)
  return { SLUICE_ETCD_USER: user.name, SLUICE_ETCD_PASSWORD_FILE: file }
}
