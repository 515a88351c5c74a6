/** Whether it is a reference's full name: git-check-ref-format(1). git refuses commands with any other name by itself. */
export function isRefName(name: string): boolean {
  return /^refs\/[^/]/.test(name) && !hasInvalidPart(name)
}

/** Whether it breaks one of the rules for references, whatever it begins with. */
export function hasInvalidPart(name: string): boolean {
  return invalid.test(name)
}

/** Control characters of ASCII only, as in git: no rule would apply to a name that is invalid here and valid for git. */
const invalid = /[\0-\x20\x7f~^:?*[\\\uFFFD]|\.\.|@\{|\/\/|(?:^|\/)\.|^\/|\.lock(?:\/|$)|[./]$/u
