import { readFile, writeFile } from 'node:fs/promises'
import { configurationTable } from './reference/settings.ts'

/** `npm run readme`: puts the table of all settings between its two marks in the README. */

const readme = new URL('../README.md', import.meta.url)
const marked = /(<!-- settings -->\n)[\s\S]*?(<!-- \/settings -->)/

const text = await readFile(readme, 'utf8')
if (!marked.test(text)) throw new Error('README.md has no marks for the table of settings.')
await writeFile(
  readme,
  text.replace(marked, (_, before: string, after: string) => `${before}${configurationTable()}\n${after}`),
)
