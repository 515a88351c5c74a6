import { mkdir, writeFile } from 'node:fs/promises'
import { commandReference } from './reference/command.ts'
import { eventsSchema } from './reference/events-schema.ts'
import { helmValuesSchema } from './reference/helm-values.ts'
import { mirrorsSchema } from './reference/mirrors-schema.ts'
import { metricsReference } from './reference/metrics.ts'
import { refusalsReference } from './reference/refusals.ts'
import { exampleYaml } from '../apps/command/src/config/examples.ts'
import { settingsReference } from './reference/settings.ts'
import { settingsSchema } from './reference/settings-schema.ts'

/** `npm run docs`: writes what follows from the code, of docs/reference/ and deploy/. */

const folder = new URL('../docs/reference/', import.meta.url)

await mkdir(folder, { recursive: true })
await writeFile(new URL('settings.md', folder), settingsReference())
await writeFile(new URL('refusals.md', folder), refusalsReference())
await writeFile(new URL('metrics.md', folder), await metricsReference())
await writeFile(new URL('command.md', folder), commandReference())

const deploy = new URL('../deploy/', import.meta.url)
await writeFile(new URL('sluice.schema.json', deploy), settingsSchema())
await writeFile(new URL('mirrors.schema.json', deploy), mirrorsSchema())
await writeFile(new URL('events.schema.json', deploy), eventsSchema())
await writeFile(new URL('sluice.example.yaml', deploy), exampleYaml('sluice.schema.json'))
await writeFile(new URL('helm/sluice/values.schema.json', deploy), helmValuesSchema())
