import { mkdir, writeFile } from 'node:fs/promises'
import { metricsReference } from './reference/metrics.ts'
import { refusalsReference } from './reference/refusals.ts'
import { settingsReference } from './reference/settings.ts'

/** `npm run docs`: writes the pages of docs/reference/ that follow from the code. */

const folder = new URL('../docs/reference/', import.meta.url)

await mkdir(folder, { recursive: true })
await writeFile(new URL('settings.md', folder), settingsReference())
await writeFile(new URL('refusals.md', folder), refusalsReference())
await writeFile(new URL('metrics.md', folder), await metricsReference())
