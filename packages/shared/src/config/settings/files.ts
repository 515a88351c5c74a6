import type { Setting } from '../setting/setting.ts'
import { orOff, text } from '../setting/values.ts'

export const files = {
  config: {
    name: 'SLUICE_CONFIG',
    apps: ['gateway', 'supervisor'],
    takes: 'off, or the path of a YAML file',
    purpose: 'A file with settings, for both applications. The environment wins over it. Read at the start only.',
    fallback: 'off',
    onlyInEnvironment: true,
    schema: orOff(text()),
  },
} satisfies Record<string, Setting<unknown>>
