import type { EventEmitter } from 'node:events'

/** The callbacks for the close of each connection or stream. */
const waiting = new WeakMap<EventEmitter, Set<() => void>>()

/**
 * Calls back when a connection or a stream closes, until disposed of. Any number of requests may wait on one
 * connection, so it has one listener for all of them.
 */
export function onClose(carrier: EventEmitter, callback: () => void): Disposable {
  const callbacks = waiting.get(carrier) ?? listenTo(carrier)
  callbacks.add(callback)
  return { [Symbol.dispose]: () => void callbacks.delete(callback) }
}

function listenTo(carrier: EventEmitter): Set<() => void> {
  const callbacks = new Set<() => void>()
  waiting.set(carrier, callbacks)
  carrier.once('close', () => {
    for (const callback of callbacks) callback()
  })
  return callbacks
}
