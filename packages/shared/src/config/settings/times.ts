import { z } from 'zod'
import type { Setting } from '../setting/setting.ts'
import { duration, orOff, size, toggle } from '../setting/values.ts'

export const times = {
  queueTimeout: {
    name: 'SLUICE_QUEUE_TIMEOUT',
    apps: ['gateway', 'supervisor'],
    takes: 'a time such as 500ms, 30s, 5m or 1h',
    purpose:
      'How long a request waits in the supervisor for a slot (503 after it), and in the gateway for other requests of its client (429 after it).',
    fallback: '30s',
    schema: duration(),
  },
  hostWait: {
    name: 'SLUICE_HOST_WAIT',
    apps: ['gateway', 'supervisor'],
    takes: 'a time such as 0s, 500ms or 30s',
    purpose:
      'How long the gateway holds requests while their host restarts, to send them when it is back; 503 after it. It holds advertisements, small fetches, and pushes that the host has not begun. Set it to the same on the hosts of a cluster, which keep a slot closed to pushes for a shorter time than this while they hand it over.',
    fallback: '20s',
    schema: duration(0),
  },
  headerTimeout: {
    name: 'SLUICE_HEADER_TIMEOUT',
    apps: ['gateway', 'supervisor'],
    takes: 'a time such as 500ms, 30s, 5m or 1h',
    purpose:
      'How long the headers of a request may take to arrive, and how long a new connection may take to send any; 408 after it.',
    fallback: '20s',
    schema: duration(),
  },
  keepAliveTimeout: {
    name: 'SLUICE_KEEP_ALIVE_TIMEOUT',
    apps: ['gateway'],
    takes: 'a time such as 500ms, 30s, 5m or 1h',
    purpose:
      'How long an idle connection is kept for another request. Set it longer than a load balancer in front keeps its own, or the balancer uses connections that have just been closed.',
    fallback: '75s',
    schema: duration(),
  },
  idleTimeout: {
    name: 'SLUICE_IDLE_TIMEOUT',
    apps: ['gateway', 'supervisor'],
    takes: 'a time such as 500ms, 30s, 5m or 1h',
    purpose:
      'How long a client that is waited for may neither send nor take a byte before its request is ended. A client that waits for git is not idle.',
    fallback: '2m',
    schema: duration(),
  },
  silentGitTimeout: {
    name: 'SLUICE_SILENT_GIT_TIMEOUT',
    apps: ['gateway', 'supervisor'],
    takes: 'a time such as 500ms, 30s, 5m or 1h',
    purpose:
      'How long git, or a hook, may work without a byte in either direction before a request is ended. It ends a git that hangs, on a disk that does not answer, say.',
    fallback: '1h',
    schema: duration(),
  },
  requestTimeout: {
    name: 'SLUICE_REQUEST_TIMEOUT',
    apps: ['supervisor'],
    takes: 'off, or a time such as 30m or 6h',
    purpose: 'How long a whole request may take. Large clones may rightly take hours.',
    fallback: 'off',
    schema: orOff(duration()),
  },
  minUploadRate: {
    name: 'SLUICE_MIN_UPLOAD_RATE',
    apps: ['gateway'],
    takes: 'off, or a size such as 64B or 1KiB',
    purpose:
      'What a client must send of a body in each second, as an average over two minutes, while it is waited for; 408 otherwise.',
    fallback: '64B',
    schema: z.union([z.literal('off').transform(() => 0), size()]),
  },
  minDownloadRate: {
    name: 'SLUICE_MIN_DOWNLOAD_RATE',
    apps: ['supervisor'],
    takes: 'off, or a size such as 1KiB or 64KiB',
    purpose:
      'What a client must take of a fetch in each second, as an average over two thirds of SLUICE_QUEUE_TIMEOUT. It counts only where git has to wait for the client (see SLUICE_FETCH_AHEAD) and others wait for its slot: the slowest client is cut off first. off: only clients that keep others of the same pack waiting, and take less than 256KiB a second, are cut off.',
    fallback: '4KiB',
    schema: z.union([z.literal('off').transform(() => 0), size()]),
  },
  interimReplies: {
    name: 'SLUICE_INTERIM_REPLIES',
    apps: ['gateway'],
    takes: 'on or off',
    purpose:
      'Whether git clients that wait with a large body are sent 102 Processing, nine times at most, which shows when they leave. Requests that show that a proxy passed them on get none. Turn it off behind a proxy that does not show itself.',
    fallback: 'on',
    schema: toggle(),
  },
} satisfies Record<string, Setting<unknown>>
