/** A line of a table of figures. */
export type Row = { readonly what: string; readonly figure: string; readonly target: string }

export function printFigures(title: string, rows: readonly Row[]): void {
  console.log(`| ${title} | figure | target |\n| --- | ---: | --- |`)
  for (const { what, figure, target } of rows) console.log(`| ${what} | ${figure} | ${target} |`)
}
