import type { Cluster } from '@sluice/shared/testing/cluster'
import { until } from '@sluice/shared/testing/until'
import { serverOf } from './clients.ts'
import type { Clients } from './clients.ts'

/** In the end, each repository is read once more, by each gateway. */
export async function readAll({ gateways }: Cluster, clients: Clients): Promise<void> {
  for (const repository of clients.repositories) {
    for (const gateway of gateways)
      await until(repository, () => clients.readRepository(repository, serverOf(gateway), true))
  }
}
