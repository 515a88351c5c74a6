/** The words of a command, as a shell splits them. Only what pages have: quotes and backslashes. */
export function shellWords(command: string): string[] {
  return [...command.matchAll(/(?:'[^']*'|"[^"]*"|\\.|[^\s'"\\])+/g)].map(([word]) =>
    word.replace(/'([^']*)'|"([^"]*)"|\\(.)/g, (_, single?: string, double?: string, char?: string) =>
      String(single ?? double ?? char),
    ),
  )
}
