import { randomBytes } from 'node:crypto'

export function newTrashId(now: Date): string {
  return `${now.toISOString().replace(/[-:]|\.\d+/g, '')}-${randomBytes(4).toString('hex')}`
}

/** Nothing else is looked at, so that no id leads out of the trash. */
export function isTrashId(name: string): boolean {
  return /^\d{8}T\d{6}Z-[0-9a-f]{8}$/.test(name)
}
