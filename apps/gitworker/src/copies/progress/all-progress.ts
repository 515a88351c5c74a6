import type { CopyProgress } from '../catching-up/copies-status.ts'
import { askLines } from '../link/ask-lines.ts'
import type { HostLinks } from '../link/host-links.ts'
import type { SlotView } from '../slot-view.ts'
import { progressPath, readProgress } from './told-progress.ts'
import type { ToldProgress } from './told-progress.ts'

export type AllProgressServices = {
  readonly view: SlotView
  /** The hosts that live, by name. */
  readonly hosts: { readonly all: ReadonlyMap<string, unknown> }
  readonly links: HostLinks
  readonly progressHere: () => ToldProgress
}

/** What the primaries of a cluster bring to their copies. */
export type ClusterProgress = {
  /** `by` brings it. Counts are those since it began. */
  readonly catchingUp: readonly (CopyProgress & { readonly by: string })[]
  /** What could not be brought at the last attempt, and why: some of it, where there is much. */
  readonly notBrought: readonly (ToldProgress['problems'][number] & { readonly by: string })[]
  /** Hosts that live, and have not said. */
  readonly unasked: readonly { readonly host: string; readonly why: string }[]
}

/** An operator waits for it. */
const withinMs = 3000

/** Asks all hosts that live, at once, what they bring to others. Never rejects. */
export async function progressOfAll({
  view,
  hosts,
  links,
  progressHere,
}: AllProgressServices): Promise<ClusterProgress> {
  const unasked: { host: string; why: string }[] = []
  const ask = async (host: string) => {
    try {
      return { by: host, ...(host === view.name ? progressHere() : await askProgress(links, view, host)) }
    } catch (error) {
      unasked.push({ host, why: error instanceof Error ? error.message : String(error) })
      return []
    }
  }
  const all = (await Promise.all([...hosts.all.keys()].toSorted().map(ask))).flat()
  return {
    catchingUp: all.flatMap(({ by, catchingUp }) => catchingUp.map((one) => ({ by, ...one }))),
    notBrought: all.flatMap(({ by, problems }) => problems.map((one) => ({ by, ...one }))),
    unasked,
  }
}

async function askProgress(links: HostLinks, view: SlotView, host: string): Promise<ToldProgress> {
  const address = view.addressOf(host)
  if (!address) throw new Error('It is not up.')
  let answer: ToldProgress | undefined
  const take = (line: string) => {
    answer = readProgress(line)
    return answer && true
  }
  const late = AbortSignal.timeout(withinMs)
  await askLines(links, address, { path: progressPath, asked: { host: view.name }, take }, withinMs, late)
  return answer!
}
