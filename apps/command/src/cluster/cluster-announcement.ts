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
  const primary = hosts.find(({ name }) => name === demo?.primary)
  const url = `http://${gateways[0]!.latest.address}`
  const page = `http://${gateways[0]!.latest.operations}/-/cluster`
  const document = {
    url,
    clusterPage: page,
    folder,
    gateways: gateways.map(describe),
    hosts: hosts.map(describe),
    primaryOfDemo: primary?.name ?? null,
    hostsOfDemo: demo?.inSync ?? [],
  }
  return { document, text: () => textFor(url, page, folder, hosts, gateways) }
}

/** Says which host to kill. */
export function killAnnouncement({ name, latest: { pid } }: KeptProcess): string {
  return `
  Each host has its share now. Kill ${name}, which accepts the pushes to demo.git. Nothing is lost. Push again: that waits for
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
): string {
  const list = [...gateways, ...hosts].map(
    ({ name, latest }) => `    ${name.padEnd(11)} ${latest.address?.padEnd(17)} pid ${latest.pid}`,
  )
  return `
  Sluice serves on ${url}, from ${hosts.length} hosts with a disk each (${join(folder, 'disks')}).
  A push is acknowledged when all hosts that keep the repository have it.

${list.join('\n')}

  Who keeps what: ${page}
  What one host does: npx sluice status --address ${hosts[0]!.latest.operations}

  Try it in another terminal:

    git clone ${url}/demo.git
    cd demo
    git commit --allow-empty -m 'Say hello'
    git push

  The other gateway serves the same:

    git ls-remote http://${gateways.at(-1)!.latest.address}/demo.git

  Look after the repositories of ${hosts[0]!.name}, while it runs:

    SLUICE_RUN_FOLDER=${join(folder, hosts[0]!.name)} npx sluice repo list

  Then kill a host. Which one, this says as soon as each host has its share of the repositories.

  The logs are in ${logsIn(folder)}. Ctrl-C stops everything.

`
}
