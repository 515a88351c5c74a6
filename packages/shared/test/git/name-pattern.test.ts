import assert from 'node:assert/strict'
import { test } from 'node:test'
import picomatch from 'picomatch'
import { fitsPattern } from '../../src/git/name-pattern.ts'
import { SeededRandom, testSeed } from '../../testing/seeded-random.ts'

function assertFits(pattern: string, fitting: readonly string[], others: readonly string[]) {
  const fits = fitsPattern(pattern)
  for (const name of fitting) assert.ok(fits(name), `${pattern} ${name}`)
  for (const name of others) assert.ok(!fits(name), `${pattern} ${name}`)
}

test('* stands for a part of a name, or a piece of one, and ** for any number of parts', () => {
  assertFits('team/*', ['team/web', 'team/.hidden'], ['team', 'team/a/b', 'teams/web', 'Team/web'])
  assertFits('team/**', ['team', 'team/web', 'team/a/b'], ['teams', 'a/team'])
  assertFits('**', ['a', 'a/b/c', '.a'], [])
  assertFits('**/web', ['web', 'a/web', 'a/b/web'], ['web/a', 'aweb'])
  assertFits('a/**/z', ['a/z', 'a/b/z', 'a/b/c/z', 'a/z/z'], ['a', 'z', 'az'])
  assertFits(
    'refs/tags/v*.*',
    ['refs/tags/v1.0', 'refs/tags/v.', 'refs/tags/v1.0.1'],
    ['refs/tags/v1', 'refs/tags/v1/0.1'],
  )
})

test('? stands for a character, brackets for one of some, and a character after a backslash for itself', () => {
  assertFits('v?', ['v1', 'v?'], ['v', 'v12', 'v/'])
  assertFits('[a-c]x', ['ax', 'cx'], ['dx', '-x', 'x'])
  assertFits('[^a-c]x', ['dx'], ['ax', 'x'])
  assertFits('[]-]', [']', '-'], ['a'])
  assertFits('a\\*', ['a*'], ['ab'])
  assertFits('[a', ['[a'], ['a'])
})

test('characters that are special in regular expressions and shells stand for themselves', () => {
  for (const name of ['libstdc++', 'a(b|c)', 'a{b,c}', '!a', '@(a)', 'a$', '^a', 'a.b']) {
    assertFits(name, [name], ['ab', 'axb', 'a', 'libstdc'])
    assertFits(`${name}/*`, [`${name}/x`], ['ab/x', 'axb/x', 'libstdc/x'])
  }
})

/*
 * picomatch read these patterns before. Four things that it does are left out, because nobody could mean them: more
 * than two stars in a row, parts that end in a dot, brackets that it turns into another expression, and two carets in a
 * row, of which it takes the second one for the start of the name.
 */
const before = { dot: true, nobrace: true, noextglob: true, nonegate: true } as const
const isName = (name: string) => name.split('/').every((part) => !/^\.{0,2}$|\.$/.test(part))
const isPattern = (pattern: string) => !/\*\*\*|\/\/|\^\^/.test(pattern)

const alphabets: readonly (readonly [pattern: readonly string[], name: string])[] = [
  [[...letters('ab.-/*?')], 'ab.-/'],
  [[...letters('a/*'), '**', '/**', '**/'], 'ab/'],
  [[...letters('abc/*?'), '[ab]', '[a-b]', '[^a]', '[^b-c]'], 'abcd/'],
  [[...letters('ab,=@!^{}/*')], 'ab,=@!^{}/'],
]

const seed = testSeed(1)

test(`patterns mean what they meant to picomatch (seed ${seed})`, () => {
  const random = new SeededRandom(seed)
  let fitting = 0
  for (const [pieces, nameLetters] of alphabets) {
    for (let round = 0; round < 4000; round++) {
      const pattern = wordOf(random, pieces, 8)
      if (!isPattern(pattern)) continue
      const [fits, fitted] = [fitsPattern(pattern), picomatch(pattern, before)]
      for (const name of Array.from({ length: 10 }, () => wordOf(random, letters(nameLetters), 7)).filter(isName)) {
        assert.equal(fits(name), fitted(name), `${pattern} ${name}`)
        if (fitted(name)) fitting++
      }
    }
  }
  assert.ok(fitting > 1000)
})

test('the longest names with the worst patterns take a bounded time', () => {
  const hostile = '.'.repeat(64 * 1024)
  const worst = [
    'v*.*.*',
    '*.*.*.*.*.*.*.*.*.*.*x',
    '**/*.*/**/*.*x',
    `${'*a'.repeat(100)}x`,
    `${'**/a/'.repeat(100)}x`,
  ]
  for (const pattern of worst) {
    for (const name of [`v${hostile}/x`, `v${hostile}`, `${'a/'.repeat(32 * 1024)}b`, 'a'.repeat(64 * 1024)]) {
      fitsPattern(`refs/tags/${pattern}`)(`refs/tags/${name}`)
    }
  }
})

function letters(text: string): string[] {
  return text.split('')
}

function wordOf(random: SeededRandom, pieces: readonly string[], longest: number): string {
  return Array.from({ length: 1 + random.below(longest) }, () => random.pick(pieces)).join('')
}
