import type { Client } from '../load/client.ts'

export const contestantNames = ['sluice', 'nginx', 'apache', 'git'] as const
export type ContestantName = (typeof contestantNames)[number]

/** A server on a port of its own. */
export type Server = {
  readonly port: number
  /** The processes that live on between requests, at this moment. */
  ownProcesses(): Promise<number[]>
  /** These, and the processes of all requests. */
  allProcesses(): Promise<number[]>
}

/** The CPU time that was used so far, in milliseconds, by the kind of process: `gateway`, `git` … NaN if it is not known. */
export type CpuByProcess = Readonly<Record<string, number>>

export type Contestant = AsyncDisposable & {
  readonly name: ContestantName
  readonly title: string
  readonly version: string
  /** Undefined for git alone, without a server. */
  readonly server?: Server
  /** The user who must own a repository that is pushed to; undefined for the user who runs the benchmark. */
  readonly owner?: { readonly uid: number; readonly gid: number }
  /** Processes of requests count once they have ended. */
  cpu(): Promise<CpuByProcess>
  open(): Promise<Client>
  /** Where git pushes to. */
  address(repository: string): string
}

/** What a contestant needs to start. */
export type Place = {
  /** All repositories lie below it. */
  readonly root: string
  /** For this contestant alone; readable for everybody. */
  readonly folder: string
}
