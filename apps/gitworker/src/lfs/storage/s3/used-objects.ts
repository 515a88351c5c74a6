import type { ListedObject } from '../lfs-storage.ts'
import type { ListedKey } from './client/listing.ts'
import type { S3Client } from './client/s3-client.ts'

/**
 * The objects below one prefix, each with the time of the mark of the same name below another. S3 lists by the bytes of keys,
 * so both lists are read once, side by side.
 */
export async function* merged(
  client: Pick<S3Client, 'list'>,
  objects: string,
  marks: string,
): AsyncGenerator<ListedObject> {
  await using marksInOrder = client.list(marks)
  let mark = await nextOf(marksInOrder)
  for await (const { key, size, changedAt } of client.list(objects)) {
    const oid = key.slice(objects.length)
    while (mark && mark.key.slice(marks.length) < oid) mark = await nextOf(marksInOrder)
    const isMarked = mark?.key.slice(marks.length) === oid
    yield { oid, size, usedAt: Math.max(changedAt, isMarked ? mark!.changedAt : 0) }
  }
}

async function nextOf(keys: AsyncGenerator<ListedKey>): Promise<ListedKey | undefined> {
  const { done, value } = await keys.next()
  return done ? undefined : value
}
