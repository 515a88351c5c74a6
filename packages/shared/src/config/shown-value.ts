import type { Setting } from './setting/setting.ts'

/** The text of a setting as others may read it: without a password in an address, and without secrets. */
export function shownValue({ isSecret }: Pick<Setting<unknown>, 'isSecret'>, text: string): string {
  if (isSecret) return hidden
  return text.replaceAll(/(:\/\/)[^/@\s,]*@/g, `$1${hidden}@`)
}

export const hidden = '(hidden)'
