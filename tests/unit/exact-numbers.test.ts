import { describe, expect, it } from 'vitest';
import { checkNumbers } from '../../sw/router/exact-numbers.ts';

const inexact = '9007199254740993';
const refused = /JavaScript cannot hold the number/;

describe('A body with a number that JavaScript cannot hold', () => {
  it.each([
    inexact,
    `[1,-${inexact}]`,
    `{"a":"","b":${inexact}}`,
    `{"a\\"":${inexact}}`,
    `{"a":"\\\\","b":${inexact}}`,
    '{"a":1e999}',
    '{"a":0.12345678901234567891}',
  ])('is refused: %s', (json) => {
    expect(() => checkNumbers(json)).toThrow(refused);
  });

  it.each([
    `{"a":"${inexact}"}`,
    `{"a":"\\"${inexact}"}`,
    `{"a":"\\\\\\"${inexact}"}`,
    `{"${inexact}":9007199254740992}`,
    '{"a":1e22,"b":0.1,"c":-0}',
    '{"a":100000000000000000000.000}',
  ])('is told from a text and from one that it can hold: %s', (json) => {
    expect(() => checkNumbers(json)).not.toThrow();
  });

  it('is looked for in texts of millions of characters, of escapes, and of digits', () => {
    for (const long of ['x'.repeat(10_000_000), '\\"'.repeat(5_000_000), '7'.repeat(10_000_000)]) {
      expect(() => checkNumbers(`{"a":"${long}","b":"${inexact}"}`)).not.toThrow();
      expect(() => checkNumbers(`{"a":"${long}","b":${inexact}}`)).toThrow(refused);
    }
    // Looking for the last of them from each zero would take hours.
    expect(() => checkNumbers(`1${'0'.repeat(2_000_000)}1`)).toThrow(refused);
    expect(() => checkNumbers(`0.${'0'.repeat(2_000_000)}1${'0'.repeat(2_000_000)}1`)).toThrow(refused);
  });
});
