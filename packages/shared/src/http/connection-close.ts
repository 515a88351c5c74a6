import type { EventEmitter } from 'node:events'

/** What is called when a connection or a stream closes. */
const waiting = new WeakMap<EventEmitter, Set<() => void>>()

/**
 * Calls back when a connection or a stream closes, until disposed of. A client may send any number of requests ahead; however
 * many of them wait here, the connection has one listener.
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
