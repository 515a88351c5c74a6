/** Prints lines with the seconds since the start. @param started of `performance.now()` */
export function sayWhen(started: number): (line: string) => void {
  return (line) => console.error(`${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s  ${line}`)
}
