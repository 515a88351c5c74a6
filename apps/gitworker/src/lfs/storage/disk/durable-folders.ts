import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '@sluice/shared/machine/sync-to-disk'

/** Makes folders that survive a loss of power, together with what is made in them later. */
export class DurableFolders {
  /** Those that are being made, so that whoever finds one of them waits until it is durable. */
  readonly #making = new Map<string, Promise<void>>()

  async make(folder: string): Promise<void> {
    const making = this.#making.get(folder) ?? makeDurably(folder)
    this.#making.set(folder, making)
    try {
      await making
    } finally {
      if (this.#making.get(folder) === making) this.#making.delete(folder)
    }
  }
}

async function makeDurably(folder: string): Promise<void> {
  const outermost = await mkdir(folder, { recursive: true })
  if (outermost === undefined) return
  for (let made = folder; made.length >= outermost.length; made = dirname(made)) await syncFolder(dirname(made))
}
