import { Buffer } from 'buffer'
import * as git from 'isomorphic-git'
import http from 'isomorphic-git/http/web'
import { memoryFs } from './memory-fs.js'

/** Bun bundles this file. isomorphic-git relies on Bun's Buffer for browsers. */
globalThis.Buffer = Buffer

/** Clones a repository, commits a file, and pushes. Returns how many commits there were, and the id of the new one. */
globalThis.cloneAndPush = async (url) => {
  const way = { fs: memoryFs(), http, dir: '/clone', onAuth: () => ({ username: 'ann', password: 'secret' }) }
  await git.clone({ ...way, url })
  const commits = await git.log(way)
  await way.fs.promises.writeFile('/clone/new.txt', 'new\n')
  await git.add({ ...way, filepath: 'new.txt' })
  const author = { name: 'A User', email: 'user@example.org' }
  const id = await git.commit({ ...way, message: 'From a page', author })
  const { ok } = await git.push({ ...way, remote: 'origin', ref: 'main' })
  return { commits: commits.length, ok, id }
}
