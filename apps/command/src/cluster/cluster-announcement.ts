import { join } from 'node:path'
import type { Report } from '../output/report.ts'
import type { ClusterMembers } from './cluster-members.ts'
import type { KeptProcess } from './kept-process.ts'
import { logsIn } from './log-file.ts'

/**
 * Says where a cluster is, and what to try on it.
 *
 * @param primary the host that accepts the pushes of the demo repository, if that is known
 */
export function clusterAnnouncement(
  folder: string,
  { hosts, gateways }: Pick<ClusterMembers, 'hosts' | 'gateways'>,
  primary: KeptProcess | undefined,
): Report {
  const url = `http://${gateways[0]!.latest.address}`
  const page = `http://${gateways[0]!.latest.operations}/-/cluster`
  const document = {
    url,
    clusterPage: page,
    folder,
    gateways: gateways.map(describe),
    hosts: hosts.map(describe),
    primaryOfDemo: primary?.name ?? null,
  }
  return { document, text: () => textFor(url, page, folder, hosts, gateways, primary) }
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
  primary: KeptProcess | undefined,
): string {
  const list = [...gateways, ...hosts].map(
    ({ name, latest }) => `    ${name.padEnd(11)} ${latest.address?.padEnd(17)} pid ${latest.pid}`,
  )
  const victim = primary ?? hosts.at(-1)!
  const which = primary ? `, which accepts the pushes to demo.git now` : ''
  return `
  Sluice serves ${join(folder, 'repos')} from ${hosts.length} hosts on ${url}

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

  Kill ${victim.name}${which}. Then push again: that waits for a few seconds, until another host
  has taken over. ${victim.name} comes back later.

    kill -9 ${victim.latest.pid}

  Or let it hand its repositories over first, so that nobody notices:

    kill ${victim.latest.pid}

  The logs are in ${logsIn(folder)}. Ctrl-C stops everything.

`
}
