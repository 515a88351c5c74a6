import { readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'

/*
 * git counts an object's grace from the time of its file: the pack or the loose object. A branch that is a year old and was
 * deleted a minute ago would be expired at once, while a push that saw the branch just before brings it back. So before
 * what is expired is looked for, all files are given the time of now. The grace then begins when maintenance first finds
 * that nothing needs an object. In a cruft pack each object has a time of its own, which stays.
 *
 * git does the same to a file whose object is written once more (freshen_file in object-file.c).
 */

/** Calls at once. */
const batch = 64

/** @param now milliseconds since 1970 */
export async function freshenObjects(gitDir: string, now: number): Promise<void> {
  const objects = join(gitDir, 'objects')
  const seconds = now / 1000
  const names = await readdir(join(objects, 'pack'))
  const all = new Set(names)
  const packs = names.filter((name) => name.endsWith('.pack') && !all.has(`${name.slice(0, -5)}.mtimes`))
  await touch(
    packs.map((name) => join(objects, 'pack', name)),
    seconds,
  )
  for (const folder of (await readdir(objects)).filter((name) => /^[0-9a-f]{2}$/.test(name))) {
    const path = join(objects, folder)
    await touch(
      (await readdir(path)).map((name) => join(path, name)),
      seconds,
    )
  }
}

async function touch(paths: readonly string[], seconds: number): Promise<void> {
  for (let first = 0; first < paths.length; first += batch) {
    // One that is gone has been packed, or its push has ended.
    const some = paths.slice(first, first + batch)
    await Promise.allSettled(some.map((path) => utimes(path, seconds, seconds)))
  }
}
