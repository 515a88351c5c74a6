/** While root runs the tests: makes this process one that may not read everything, until it is disposed of. */
export function asUser(): Disposable {
  const isRoot = process.geteuid!() === 0
  if (isRoot) process.seteuid!(65_534)
  return { [Symbol.dispose]: () => isRoot && process.seteuid!(0) }
}
