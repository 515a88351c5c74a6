/** A page of the reference, which `npm run docs` writes. */
export function reference(title: string, source: string, parts: readonly string[]): string {
  const origin = `<!-- Written by npm run docs, from ${source}: change it there. -->`
  return `${[origin, `# ${title}`, ...parts].join('\n\n')}\n`
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows.map((cells) => cells.map(escaped))]
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** Escapes patterns such as `**`, which would be taken for emphasis. Text in backticks stays as it is. */
function escaped(cell: string): string {
  const parts = cell.replaceAll('|', '\\|').split('`')
  return parts.map((part, index) => (index % 2 === 0 ? part.replaceAll('*', '\\*') : part)).join('`')
}
