import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { likeMatcher } from '../../sw/filter/index.ts';
import { propertyOptions } from './filter-arbitraries.ts';

function like(text: string, pattern: string, escape?: string): boolean {
  return likeMatcher(pattern, escape)(text, 0, text.length);
}

/** LIKE by its definition, trying everything; only for short texts. */
function likeByDefinition(text: readonly string[], pattern: readonly string[]): boolean {
  const [wanted, ...morePattern] = pattern;
  const [character, ...moreText] = text;
  if (wanted === undefined) return character === undefined;
  if (wanted === '%') {
    return likeByDefinition(text, morePattern) || (character !== undefined && likeByDefinition(moreText, pattern));
  }
  if (character === undefined) return false;
  return (wanted === '_' || wanted === character) && likeByDefinition(moreText, morePattern);
}

describe('LIKE', () => {
  test.each([
    ['Coca Cola', '%cola', true],
    ['Coca Cola', 'COCA%', true],
    ['Coca Cola', '%a%', true],
    ['Coca Cola', 'Coca', false],
    ['ÉCLAIR', 'éclair', false],
    ['', '', true],
    ['', '%', true],
    ['', '_', false],
    ['a', '%%_%%', true],
    ['aXb', 'a_b', true],
    ['a\u{1F600}b', 'a_b', true],
    ['a\u{1F600}b', 'a__b', false],
    ['\u{1F600}', '%_', true],
    ['\u{1F600}', '%__', false],
    ['ab', 'ab%ab', false],
    ['abab', 'ab%ab', true],
    ['a.c', 'a.c', true],
    ['abc', 'a.c', false],
    ['line\nbreak', 'line%break', true],
  ])('%j LIKE %j is %s (K-07)', (text, pattern, expected) => {
    expect(like(text, pattern)).toBe(expected);
  });

  test.each([
    ['10%', String.raw`10\%`, '\\', true],
    ['10x', String.raw`10\%`, '\\', false],
    ['a_b', 'a!_b', '!', true],
    ['a\\b', String.raw`a\\b`, '\\', true],
    ['x', 'x\\', '\\', false],
    ['50%', '%%%', '%', false],
    ['%x', '%%x', '%', true],
  ])('%j LIKE %j ESCAPE %j is %s', (text, pattern, escape, expected) => {
    expect(like(text, pattern, escape)).toBe(expected);
  });

  test('agrees with its definition', () => {
    const text = fc.array(fc.constantFrom('a', 'b', '\u{1F600}'), { maxLength: 12 });
    const pattern = fc.array(fc.constantFrom('a', 'b', '\u{1F600}', '%', '_'), { maxLength: 8 });
    fc.assert(
      fc.property(text, pattern, (characters, wanted) => {
        expect(like(characters.join(''), wanted.join(''))).toBe(likeByDefinition(characters, wanted));
      }),
      propertyOptions(3000),
    );
  });

  test('looks for pieces longer than a machine word', () => {
    const long = 'ab'.repeat(50);
    expect(like(`x${long}c${long}d`, `%${long}d%`)).toBe(true);
    expect(like(`x${long}c${long}d`, `%${long}e%`)).toBe(false);
    expect(like(`${'a'.repeat(500)}b`, `%${'_'.repeat(40)}${'a'.repeat(100)}_%`)).toBe(true);
    expect(like('a'.repeat(139), `%${'_'.repeat(40)}${'a'.repeat(100)}%`)).toBe(false);
  });

  test('looks only within the given part of a text', () => {
    const matches = likeMatcher('%b%');
    expect([matches('abc', 0, 1), matches('abc', 1, 2), matches('abc', 2, 3)]).toEqual([false, true, false]);
    expect(likeMatcher('_')('\u{1F600}', 0, 1)).toBe(true);
  });

  test('reads each character of the text once for all pieces together (K-09)', () => {
    // What backtracking matchers need minutes for; the test's own time limit is the assertion.
    const text = 'a'.repeat(10_000);
    expect(like(text, `${'%a'.repeat(60)}%b`)).toBe(false);
    expect(like(text, `${'%a_'.repeat(60)}%b%`)).toBe(false);
    expect(like(text.repeat(10), `%${'a'.repeat(5000)}b%`)).toBe(false);
    expect(like(text.repeat(10), `%${'_a'.repeat(2500)}b%`)).toBe(false);
  });
});
