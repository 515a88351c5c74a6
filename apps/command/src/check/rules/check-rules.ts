import { parseRules } from '@sluice/access/rules/parse-rules'
import type { GatewayConfig } from '@sluice/gateway/config/config'
import { readPasswords, readSmall } from '../../access/read-files.ts'
import { ok, warning } from '../findings/finding.ts'
import type { Finding } from '../findings/finding.ts'
import { findHiddenRules } from './hidden-rules.ts'

const setting = 'SLUICE_ACCESS_FILE'

/**
 * What is odd about rules that are valid: those that never decide, since an earlier one always does, and users whom the
 * password file does not have. What is not valid is found by the checks of a start.
 */
export async function checkRules({ access, passwordFile, accessFile }: GatewayConfig): Promise<Finding[]> {
  if (access !== 'file' || passwordFile === undefined || accessFile === undefined) return []
  try {
    const passwords = await readPasswords(passwordFile)
    const { groups, rules, lines } = parseRules(await readSmall(accessFile), accessFile)
    const named = [
      ...rules.flatMap(({ read, write, create }) => [...read, ...write, ...create]),
      ...Object.values(groups).flat(),
    ]
    const odd = [
      ...hiddenRules(rules, accessFile, (index) => lines.ofRule(index)),
      ...unknownUsers(named, passwords, passwordFile, accessFile),
    ]
    return [ok(setting, `${rules.length} rules, ${passwords.size} users.`), ...odd]
  } catch {
    return []
  }
}

type Rule = { readonly repositories: readonly string[] }

function hiddenRules(rules: readonly Rule[], path: string, lineOf: (index: number) => number): Finding[] {
  const { hidden, lookedAt } = findHiddenRules(rules)
  const found = hidden.map(({ number, by }) => {
    const what = `${path}:${lineOf(number)}: rule ${number + 1} (${rules[number]!.repositories.join(', ')}) never decides: rule ${by.number + 1} in line ${lineOf(by.number)} (${by.pattern}) fits all of its repositories, and comes first.`
    return warning(setting, what, `Move rule ${number + 1} before rule ${by.number + 1}, or remove it.`)
  })
  if (lookedAt === rules.length) return found
  return [...found, ok(setting, `Rules from number ${lookedAt + 1} on were not compared: there are too many patterns.`)]
}

function unknownUsers(
  named: readonly string[],
  passwords: ReadonlyMap<string, unknown>,
  passwordFile: string,
  path: string,
): Finding[] {
  const users = new Set(named.filter((name) => !name.startsWith('@') && name !== 'anyone' && name !== 'users'))
  return [...users]
    .filter((user) => !passwords.has(user))
    .map((user) =>
      warning(
        setting,
        `${path} names the user "${user}", whom ${passwordFile} does not have.`,
        `sluice user add ${user}, or correct the name.`,
      ),
    )
}
