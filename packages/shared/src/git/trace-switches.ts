/**
 * git's own traces, by the names that SLUICE_GIT_TRACE takes, with the variables that switch them on: git(1), "Environment
 * Variables", and api-trace2. GIT_TRACE_PACKFILE is not among them, since it writes whole packs.
 */
export const traceVariables = {
  'trace': 'GIT_TRACE',
  'packet': 'GIT_TRACE_PACKET',
  'performance': 'GIT_TRACE_PERFORMANCE',
  'setup': 'GIT_TRACE_SETUP',
  'refs': 'GIT_TRACE_REFS',
  'shallow': 'GIT_TRACE_SHALLOW',
  'pack-access': 'GIT_TRACE_PACK_ACCESS',
  'curl': 'GIT_TRACE_CURL',
  'trace2': 'GIT_TRACE2',
  'trace2-event': 'GIT_TRACE2_EVENT',
  'trace2-perf': 'GIT_TRACE2_PERF',
} as const satisfies Record<string, `GIT_TRACE${string}`>

export type TraceSwitch = keyof typeof traceVariables

/** Reads a comma list such as `trace,packet`. @returns undefined if git has no trace of one of these names */
export function parseTraceSwitches(text: string): TraceSwitch[] | undefined {
  const names = [...new Set(text.split(',').map((name) => name.trim()))]
  return names.every(isTraceSwitch) ? names : undefined
}

function isTraceSwitch(name: string): name is TraceSwitch {
  return Object.hasOwn(traceVariables, name)
}
