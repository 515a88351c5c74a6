import type { Setting } from '../../setting/setting.ts'
import { checked, longDuration, orAuto, orOff, size, toggle } from '../../setting/values.ts'

export const events = {
  eventsFile: {
    name: 'SLUICE_EVENTS_FILE',
    apps: ['supervisor'],
    takes: 'off, or the absolute path of a YAML file',
    purpose:
      'The receivers of events (web hooks): each with its address, where its secret is, and which repositories and events it is told of. Read again when it changes; a broken one leaves in force what was read before. See docs/operate/events.md.',
    fallback: 'off',
    schema: orOff(checked(absolutePath)),
  },
  eventStream: {
    name: 'SLUICE_EVENT_STREAM',
    apps: ['supervisor'],
    takes: 'on or off',
    purpose:
      'Whether events can be listened to at /-/events of SLUICE_SUPERVISOR_OPERATIONS (server-sent events). See docs/operate/events.md.',
    fallback: 'off',
    schema: toggle(),
  },
  eventsFolder: {
    name: 'SLUICE_EVENTS_FOLDER',
    apps: ['supervisor'],
    takes: 'auto, or the absolute path of a folder, of this supervisor alone',
    purpose:
      'Where the journal of events is, if there are receivers or the stream is on. auto: the folder events in SLUICE_RUN_FOLDER, which many machines empty when they boot. Created if missing.',
    fallback: 'auto',
    schema: orAuto(checked(absolutePath)),
  },
  eventsTime: {
    name: 'SLUICE_EVENTS_TIME',
    apps: ['supervisor'],
    takes: 'a time such as 24h, 7d or 90d, of a day or more',
    purpose: 'How long the journal keeps events. Those that a receiver has not taken by then can no longer be sent.',
    fallback: '7d',
    schema: longDuration(86_400_000),
  },
  eventsSize: {
    name: 'SLUICE_EVENTS_SIZE',
    apps: ['supervisor'],
    takes: 'a size such as 256MiB, of 16MiB or more',
    purpose:
      'How large the journal of events may become. Beyond that the oldest events go, also those that a receiver has not taken, which the log says.',
    fallback: '256MiB',
    schema: size(16 * 2 ** 20),
  },
} satisfies Record<string, Setting<unknown>>

function absolutePath(value: string): string | undefined {
  return value.startsWith('/') ? value : undefined
}
