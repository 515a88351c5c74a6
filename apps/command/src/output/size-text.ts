const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** Three digits and a unit: `1.42 GiB`. */
export function sizeText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  const amount = bytes / 1024 ** power
  return `${amount >= 100 || power === 0 ? Math.round(amount) : amount.toPrecision(3)} ${units[power]}`
}
