import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { recordLine } from '../record/record-line.ts'
import type { JournalRecord } from '../record/record-line.ts'
import { syncFolder } from '@sluice/shared/machine/sync-to-disk'
import { segmentPath } from './segments.ts'

const mode = 0o600

/** The segment that is written to. */
export class SegmentWriter implements AsyncDisposable {
  readonly number: number
  /** What is on the disk for good, in bytes. */
  bytes: number
  readonly #file: FileHandle

  private constructor(number: number, file: FileHandle, bytes: number) {
    this.number = number
    this.#file = file
    this.bytes = bytes
  }

  /** Makes a segment, with its first records. */
  static async begin(folder: string, number: number, records: readonly JournalRecord[]): Promise<SegmentWriter> {
    const file = await open(
      segmentPath(folder, number),
      constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC,
      mode,
    )
    const writer = new SegmentWriter(number, file, 0)
    try {
      await writer.append(Buffer.from(records.map(recordLine).join('')))
      await syncFolder(folder)
      return writer
    } catch (error) {
      await writer[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Goes on with a segment whose whole lines have so many bytes. What comes after them was cut short. */
  static async goOn(folder: string, number: number, bytes: number): Promise<SegmentWriter> {
    const file = await open(segmentPath(folder, number), constants.O_WRONLY)
    await file.truncate(bytes)
    return new SegmentWriter(number, file, bytes)
  }

  /** Resolves when the bytes are on the disk. @throws the system's error. Then nothing more may be written here */
  async append(bytes: Buffer): Promise<void> {
    try {
      for (let written = 0; written < bytes.length;) {
        written += (await this.#file.write(bytes, written, bytes.length - written, this.bytes + written)).bytesWritten
      }
      await this.#file.datasync()
      this.bytes += bytes.length
    } catch (error) {
      // Nobody may find there what its writer was told is not.
      await this.#file.truncate(this.bytes).catch(() => {})
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close().catch(() => {})
  }
}
