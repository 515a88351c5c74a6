import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import type { Report } from '../output/report.ts'
import type { ClusterMembers } from './cluster-members.ts'
import type { KeptProcess } from './kept-process.ts'
import { logsIn } from './log-file.ts'

/**
 * Says where a cluster is, and what to try on it.
 *
 * @param demo who keeps the demo repository, if that is known; it may move until all hosts have their shares
 */
export function clusterAnnouncement(
  folder: string,
  { hosts, gateways }: Pick<ClusterMembers, 'hosts' | 'gateways'>,
  demo: SlotRecord | undefined,
): Report {
  const isThere = hasDemo(folder, demo)
  const primary = isThere ? hosts.find(({ name }) => name === demo?.primary) : undefined
  const url = `http://${gateways[0]!.latest.address}`
  const page = `http://${gateways[0]!.latest.operations}/-/cluster`
  const document = {
    url,
    clusterPage: page,
    folder,
    gateways: gateways.map(describe),
    hosts: hosts.map(describe),
    primaryOfDemo: primary?.name ?? null,
    hostsOfDemo: isThere ? (demo?.inSync ?? []) : [],
  }
  return { document, text: () => textFor(url, page, folder, hosts, gateways, isThere) }
}

/** Whether the repository to try is there: an operator may have renamed or deleted it since the first start. */
export function hasDemo(folder: string, demo: SlotRecord | undefined): boolean {
  return demo?.inSync.some((host) => existsSync(join(folder, 'disks', host, 'demo.git'))) ?? false
}

/** Says which host to kill. @param isDemoThere whether it may be named as the one that has the repository to try */
export function killAnnouncement({ name, latest: { pid } }: KeptProcess, isDemoThere: boolean): string {
  const what = isDemoThere ? `Kill ${name}, which accepts the pushes to demo.git.` : `Kill ${name}.`
  return `
  Each host has its share now. ${what} Nothing is lost. Push again: that waits for
  a few seconds, until another host that has everything has taken over. ${name} comes back later, and is brought what it has
  missed.

    kill -9 ${pid}

  Or let it hand its repositories over first, so that nobody notices:

    kill ${pid}

`
}

function describe({ name, latest: { pid, address, operations } }: KeptProcess) {
  return { name, pid, address, operations }
}

function textFor(
  url: string,
  page: string,
  folder: string,
  hosts: readonly KeptProcess[],
  gateways: readonly KeptProcess[],
  isDemoThere: boolean,
): string {
  const list = [...gateways, ...hosts].map(
    ({ name, latest }) => `    ${name.padEnd(11)} ${latest.address?.padEnd(17)} pid ${latest.pid}`,
  )
  const other = `http://${gateways.at(-1)!.latest.address}`
  return `
  Sluice serves on ${url}, from ${hosts.length} hosts with a disk each (${join(folder, 'disks')}).
  A push is acknowledged when all hosts that keep the repository have it.

${list.join('\n')}

  Who keeps what: ${page}, or
    SLUICE_RUN_FOLDER=${join(folder, hosts[0]!.name)} npx sluice cluster status
  What one host does: npx sluice status --address ${hosts[0]!.latest.operations}

${isDemoThere ? tryDemo(url, other) : tryPush(url)}
  Look after the repositories of ${hosts[0]!.name}, while it runs:

    SLUICE_RUN_FOLDER=${join(folder, hosts[0]!.name)} npx sluice repo list

  Then kill a host. Which one, this says as soon as each host has its share of the repositories.

  The logs are in ${logsIn(folder)}. Ctrl-C stops everything.

`
}

function tryDemo(url: string, other: string): string {
  return `  Try it in another terminal:

    git clone ${url}/demo.git
    cd demo
    git commit --allow-empty -m 'Say hello'
    git push

  The other gateway serves the same:

    git ls-remote ${other}/demo.git
`
}

/** Where pushes create nothing, the push says so. */
function tryPush(url: string): string {
  return `  There is no demo.git any more. Push a repository of your own, which creates it:

    git push ${url}/my-project.git HEAD
`
}
