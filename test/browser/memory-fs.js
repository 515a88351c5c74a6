/** A file system in memory for isomorphic-git in a page: only those functions of Node's `fs.promises` that it calls. */
export function memoryFs() {
  const entries = new Map([['/', { type: 'dir' }]])
  const plain = (path) =>
    `/${path
      .split('/')
      .filter((part) => part && part !== '.')
      .join('/')}`
  const fail = (code, path) => {
    throw Object.assign(new Error(`${code}: ${path}`), { code })
  }
  const find = (path) => entries.get(plain(path)) ?? fail('ENOENT', path)
  const parentOf = (path) => plain(path).replace(/\/[^/]*$/, '') || '/'
  const stat = (path) => {
    const { type, data } = find(path)
    const numbers = {
      size: data?.length ?? 0,
      mode: type === 'dir' ? 0o40000 : 0o100644,
      ino: 0,
      uid: 0,
      gid: 0,
      dev: 0,
    }
    return {
      ...numbers,
      mtimeMs: 0,
      ctimeMs: 0,
      isFile: () => type === 'file',
      isDirectory: () => type === 'dir',
      isSymbolicLink: () => false,
    }
  }
  const promises = {
    async readFile(path, options) {
      const { data } = find(path)
      if (data === undefined) fail('EISDIR', path)
      const encoding = typeof options === 'string' ? options : options?.encoding
      return encoding === 'utf8' ? new TextDecoder().decode(data) : data
    },
    async writeFile(path, data) {
      find(parentOf(path))
      const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : new Uint8Array(data)
      entries.set(plain(path), { type: 'file', data: bytes })
    },
    async mkdir(path) {
      find(parentOf(path))
      if (entries.has(plain(path))) fail('EEXIST', path)
      entries.set(plain(path), { type: 'dir' })
    },
    async readdir(path) {
      if (find(path).type !== 'dir') fail('ENOTDIR', path)
      return [...entries.keys()]
        .filter((one) => one !== '/' && parentOf(one) === plain(path))
        .map((one) => one.split('/').at(-1))
    },
    unlink: async (path) => void (entries.delete(plain(path)) || fail('ENOENT', path)),
    rmdir: async (path) => void (entries.delete(plain(path)) || fail('ENOENT', path)),
    stat: async (path) => stat(path),
    lstat: async (path) => stat(path),
    readlink: async (path) => fail('EINVAL', path),
    symlink: async (_, path) => fail('EPERM', path),
  }
  return { promises }
}
