import type { Json } from '../../sw/protocol/record.ts';

/** Nested `depth` times. */
function nested(depth: number): Json {
  let value: Json = 'the innermost';
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? { level: value } : [value];
  return value;
}

/** What is a usable key, and yet goes wrong where somebody is careless. */
export const hardKeys: readonly (readonly [label: string, key: string])[] = [
  ['slashes and marks', 'a/b?c#d&e=f%2Fg'],
  ['a member of every object', '__proto__'],
  ['another one', 'constructor'],
  ['a number as text', '7'],
  ['the same number otherwise', '007'],
  ['spaces around', ' a key '],
  ['beyond the basic plane', '🗺️ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢'],
  ['composed', 'caf\u00e9'],
  ['decomposed', 'cafe\u0301'],
  ['right to left, and invisible', '\u202eabc\u200b\ufeff'],
  ['quotes and a backslash', `"'\\\``],
  ['1,900 bytes', 'k'.repeat(1_900)],
];

export const hardValues: Readonly<Record<string, Json>> = {
  'the largest safe number': Number.MAX_SAFE_INTEGER,
  'a power of two beyond': 2 ** 60,
  'the largest number': Number.MAX_VALUE,
  'the least number': Number.MIN_VALUE,
  'a number as text': '9007199254740993',
  'all planes': '\u0000\u001f\u007f\u2028\u2029\ud83d\ude00\ufeff',
  'half a pair': '\ud800 alone',
  'depth 100': nested(100),
  '1 MB': 'ab€'.repeat(200_000),
  empty: { text: '', list: [], object: {}, nothing: null },
};

/** Names of fields; as text, since `__proto__` in an object literal is none. */
export const hardNames =
  '{"0":5,"__proto__":{"polluted":1},"constructor":{"prototype":2},"":"no name","a.b":3,"ключ":4}';

/** What a body of a preference may not hold. */
export const refusedBodies: readonly (readonly [label: string, body: string])[] = [
  ['a number that JavaScript cannot hold', '{"name":"n","value":9007199254740993}'],
  ['one with too many digits', '{"name":"n","value":[0.12345678901234567890123]}'],
  ['one that is too large', '{"name":"n","value":{"deep":1e400}}'],
  ['NaN', '{"name":"n","value":NaN}'],
  ['Infinity', '{"name":"n","value":-Infinity}'],
  ['half of a body', '{"name":"n","val'],
  ['a list', '[{"name":"n"}]'],
  ['nothing', ''],
];

/** Numbers that JavaScript holds, however they are written. */
export const keptBodies: readonly string[] = [
  '{"name":"n","value":[0, -0, 1.50, 1e3, 12345678901234567000, 0.1]}',
  '{"name":"n","value":"9007199254740993 and 1e400 as text"}',
];

/** Bodies whose key their table cannot have. */
export const refusedKeys: readonly (readonly [label: string, table: string, body: string])[] = [
  ['half of a surrogate pair', 'visits', '{"id":"\\ud800","note":"x"}'],
  ['what an address takes for its own', 'visits', '{"id":"..","note":"x"}'],
  ['the same, once', 'visits', '{"id":".","note":"x"}'],
  ['a number for a text', 'visits', '{"id":7,"note":"x"}'],
  ['a list, as for a compound key', 'visits', '{"id":["a",1],"note":"x"}'],
  ['a text for a number', 'products', '{"Code":"7","Name":"x"}'],
  ['no number at all', 'products', '{"Code":null,"Name":"x"}'],
];
