import { open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'

/** The files of a journal: numbered, and each of some megabytes. */

const form = /^(\d{12})\.events$/

export type Segment = { readonly number: number; readonly bytes: number; readonly modifiedAt: number }

export function segmentPath(folder: string, number: number): string {
  return join(folder, `${String(number).padStart(12, '0')}.events`)
}

/** From the oldest. */
export async function segmentsIn(folder: string): Promise<Segment[]> {
  return await Promise.all(
    (await numbersIn(folder)).map(async (number) => {
      const { size, mtimeMs } = await stat(segmentPath(folder, number))
      return { number, bytes: size, modifiedAt: mtimeMs }
    }),
  )
}

async function numbersIn(folder: string): Promise<number[]> {
  const numbers = (await readdir(folder)).map((name) => Number(form.exec(name)?.[1] ?? NaN))
  return numbers.filter((number) => number >= 0).toSorted((one, other) => one - other)
}

/** The number of the first segment after another; undefined where there is none. */
export async function segmentAfter(folder: string, number: number): Promise<number | undefined> {
  return (await numbersIn(folder)).find((one) => one > number)
}

export async function removeSegment(folder: string, number: number): Promise<void> {
  await rm(segmentPath(folder, number), { force: true })
}

/** The end of the last whole line of a segment, in bytes. */
export async function endOfLines(folder: string, number: number): Promise<number> {
  const handle = await open(segmentPath(folder, number))
  try {
    const chunk = Buffer.alloc(64 * 1024)
    for (let end = (await handle.stat()).size; end > 0;) {
      const start = Math.max(0, end - chunk.length)
      const { bytesRead } = await handle.read(chunk, 0, end - start, start)
      const at = chunk.subarray(0, bytesRead).lastIndexOf(0x0a)
      if (at !== -1) return start + at + 1
      end = start
    }
    return 0
  } finally {
    await handle.close()
  }
}

export function isGone(error: unknown): boolean {
  return errnoOf(error) === 'ENOENT'
}
