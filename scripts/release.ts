import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/*
 * `npm run release -- VERSION`: gives what CHANGELOG.md lists as unreleased a version and a date, sets that version in all
 * package.json files, the lock file and what deploys it, commits, and tags the commit. It pushes nothing.
 */

const project = fileURLToPath(new URL('..', import.meta.url))
const packages = ['.', 'packages/shared', 'packages/access', 'apps/gitworker', 'apps/gateway', 'apps/command']
const deployed = [
  'deploy/Dockerfile',
  'deploy/kubernetes/kustomization.yaml',
  'deploy/kubernetes/README.md',
  'deploy/helm/sluice/Chart.yaml',
]
const version = /^\d+\.\d+\.\d+(?:-[0-9a-z.-]+)?$/
const unreleased = '## Unreleased\n'

const problem = release(process.argv.slice(2))
if (problem === undefined) console.log('Tagged. To publish it: git push --follow-tags')
else {
  console.error(problem)
  process.exitCode = 1
}

/** @returns what is wrong, in words; nothing has been changed then */
function release([next, ...others]: readonly string[]): string | undefined {
  if (next === undefined || others.length > 0 || !version.test(next)) return 'Usage: npm run release -- 1.2.3'
  const today = packageIn('.').version
  if (next.localeCompare(today, 'en', { numeric: true }) <= 0)
    return `${next} is not above ${today}, the version today.`
  if (git('status', '--porcelain') !== '') return 'There are changes that are not committed: git status'
  if (git('tag', '--list', `v${next}`) !== '') return `There is a tag v${next} already.`
  const changelog = readFileSync(join(project, 'CHANGELOG.md'), 'utf8')
  const changes = changelog.split(unreleased)[1]?.split(/^## /m)[0]?.trim()
  if (!changes) return 'CHANGELOG.md lists nothing under "## Unreleased".'

  const heading = `## ${next} – ${new Date().toISOString().slice(0, 10)}\n`
  writeFileSync(join(project, 'CHANGELOG.md'), changelog.replace(unreleased, `${unreleased}\n${heading}`))
  for (const folder of packages) setVersion(folder, next)
  for (const file of deployed) replaceIn(file, today, next)
  execFileSync('npm', ['install', '--package-lock-only', '--ignore-scripts'], { cwd: project, stdio: 'ignore' })
  git('commit', '--quiet', '--all', '--message', `Release ${next}`)
  git('tag', '--annotate', '--cleanup=verbatim', `v${next}`, '--message', `Sluice ${next}\n\n${changes}`)
  return undefined
}

type Package = { version: string; dependencies?: Record<string, string> }

function setVersion(folder: string, next: string): void {
  const content = packageIn(folder)
  content.version = next
  for (const name of Object.keys(content.dependencies ?? {})) {
    if (name.startsWith('@sluice/')) content.dependencies![name] = next
  }
  writeFileSync(fileOf(folder), `${JSON.stringify(content, undefined, 2)}\n`)
}

function replaceIn(file: string, today: string, next: string): void {
  const path = join(project, file)
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll(today, next))
}

function packageIn(folder: string): Package {
  return JSON.parse(readFileSync(fileOf(folder), 'utf8')) as Package
}

function fileOf(folder: string): string {
  return join(project, folder, 'package.json')
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: project, encoding: 'utf8' })
}
