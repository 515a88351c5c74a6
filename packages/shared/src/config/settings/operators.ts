import { z } from 'zod'
import type { Setting } from '../setting/setting.ts'
import { parseTraceSwitches } from '../../git/trace-switches.ts'
import type { TraceSwitch } from '../../git/trace-switches.ts'
import { address, checked, httpAddress, orAuto, orOff, unixAddress } from '../setting/values.ts'

export const operators = {
  gatewayOperations: {
    name: 'SLUICE_GATEWAY_OPERATIONS',
    apps: ['gateway'],
    takes: 'off, host:port, or unix:/path',
    purpose:
      'Where the gateway serves /metrics and its health to operators. Nobody has to log in there: keep it private.',
    fallback: 'off',
    schema: orOff(address({ anyPort: true })),
  },
  supervisorOperations: {
    name: 'SLUICE_SUPERVISOR_OPERATIONS',
    apps: ['supervisor'],
    takes: 'off, host:port, or unix:/path',
    purpose: 'Where the supervisor serves /metrics, /-/status and its health to operators. Keep it private, too.',
    fallback: 'off',
    schema: orOff(address({ anyPort: true })),
  },
  administration: {
    name: 'SLUICE_ADMINISTRATION',
    apps: ['supervisor'],
    takes: 'auto, off, or unix:/path (at most 107 bytes)',
    purpose:
      'The socket for the administration of repositories. Only the supervisor’s own user, and root, may connect. auto: administration.sock in SLUICE_RUN_FOLDER. See `docs/reference/administration.md`.',
    fallback: 'auto',
    schema: orAuto(orOff(unixAddress())),
  },
  otlpEndpoint: {
    name: 'SLUICE_OTLP_ENDPOINT',
    apps: ['gateway', 'supervisor'],
    takes: 'off, or the address of an OpenTelemetry collector such as http://127.0.0.1:4318',
    purpose: 'Where spans are sent (OTLP over HTTP). OpenTelemetry is loaded only if this is set.',
    fallback: 'off',
    schema: orOff(httpAddress()),
  },
  logLevel: {
    name: 'SLUICE_LOG_LEVEL',
    apps: ['gateway', 'supervisor'],
    takes: 'trace, debug, info, warn, error or silent',
    purpose: 'The least important lines that are logged. There is one info line for each request.',
    fallback: 'info',
    schema: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']),
  },
  logFormat: {
    name: 'SLUICE_LOG_FORMAT',
    apps: ['gateway', 'supervisor'],
    takes: 'json or pretty',
    purpose: 'json: one object a line, for machines. pretty: for people.',
    fallback: 'json',
    schema: z.enum(['json', 'pretty']),
  },
  auditLog: {
    name: 'SLUICE_AUDIT_LOG',
    apps: ['supervisor'],
    takes: 'off, or the absolute path of a file',
    purpose:
      'Where each push is recorded: who, from where, and what became of each reference. A record is on the disk before the client hears of its push. See docs/operate/audit.md.',
    fallback: 'off',
    schema: orOff(checked((value) => (value.startsWith('/') ? value : undefined))),
  },
  gitTrace: {
    name: 'SLUICE_GIT_TRACE',
    apps: ['supervisor'],
    takes:
      'off, or names such as trace,packet,performance (git’s GIT_TRACE, GIT_TRACE_PACKET, GIT_TRACE_PERFORMANCE …)',
    purpose:
      'Which of its own traces git writes. They go to the log, with SLUICE_LOG_LEVEL=debug only: a bounded part of each command’s, and nothing of it to clients. They name references and files.',
    fallback: 'off',
    isList: true,
    schema: z.union([z.literal('off').transform((): TraceSwitch[] => []), checked(parseTraceSwitches)]),
  },
} satisfies Record<string, Setting<unknown>>
