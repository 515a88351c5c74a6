import { parseAddress } from '@sluice/shared/network/address'
import type { SlotView } from '../../copies/slot-view.ts'
import type { Cluster } from '../parts/cluster.ts'

/** What a host's own table says of who keeps what. */
export function slotViewOf({ name, host }: Cluster): SlotView {
  const { slots, hosts } = host.known
  return {
    name,
    slot: (slot) => slots.at(slot).record,
    addressOf: (other) => {
      const known = hosts.get(other)
      return known && parseAddress(known.record.address)
    },
    sinceOf: (other) => hosts.get(other)?.revision,
    changed: async (slot, milliseconds) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, milliseconds)
      using _listening = slots.listen((changed) => {
        if (changed === slot) resolve()
      })
      await promise
      clearTimeout(timer)
    },
    listen: (listener) => slots.listen(listener),
  }
}
