import { Counter, Gauge } from 'prom-client'
import type { Registry } from 'prom-client'

/** A metric whose value is read when the metrics are collected. */
export function addGauge(registry: Registry, name: string, help: string, read: () => number | Promise<number>): void {
  const gauge: Gauge = new Gauge({
    name,
    help,
    registers: [registry],
    async collect() {
      gauge.set(await read())
    },
  })
}

/** The same with a label. `read` gives the values of the label, of which there must be few, each with a number. */
export function addGauges(
  registry: Registry,
  name: string,
  help: string,
  label: string,
  read: () => [string, number][] | Promise<[string, number][]>,
): void {
  const gauge: Gauge = new Gauge({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    async collect() {
      for (const [value, number] of await read()) gauge.set({ [label]: value }, number)
    },
  })
}

/** Counters that are kept elsewhere, by labels. They are read when the metrics are collected. */
export function addCounters(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  read: () => [readonly string[], number][],
): void {
  const counter: Counter = new Counter({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      counter.reset()
      for (const [values, count] of read()) {
        counter.inc(Object.fromEntries(labelNames.map((label, index) => [label, values[index] ?? ''])), count)
      }
    },
  })
}
