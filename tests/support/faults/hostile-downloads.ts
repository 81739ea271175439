const table = (name: string): string => `{"type":"table","table":"${name}","full":true,"snapshot":"s","total":1}`;
const chunk = (name: string, record: string): string =>
  `{"type":"records","table":"${name}","count":1,"versions":["1"]}\n${record}`;
const end = (name: string): string => `{"type":"end","table":"${name}","cursor":"c","count":1}`;

/** What stands in the answer in the place of all that the server said after its start. */
export const hostileDownloads: readonly (readonly [what: string, lines: readonly string[]])[] = [
  ['a table that was not asked for', [table('secrets'), chunk('secrets', '{"id":"x"}'), end('secrets')]],
  ['__proto__ as a table', [table('__proto__'), chunk('__proto__', '{"id":"polluted"}'), end('__proto__')]],
  ['constructor as a table', [table('constructor'), chunk('constructor', '{"id":"x"}'), end('constructor')]],
  ['records of another table than was begun', [table('places'), chunk('__proto__', '{"id":"x"}')]],
  ['a record without its key', [table('places'), chunk('places', '{"name":"nowhere"}')]],
  ['a record whose key is inherited', [table('places'), chunk('places', '{"__proto__":{"id":"x"}}')]],
  ['a key of another type', [table('products'), chunk('products', '{"Code":"one","Name":"x"}')]],
  ['a key that is an object', [table('places'), chunk('places', '{"id":{"toString":1}}')]],
  ['a list for a record', [table('places'), chunk('places', '[1,2]')]],
  ['a text for a record', [table('places'), chunk('places', '"x"')]],
  ['two records in one line', [table('places'), chunk('places', '{"id":"x"},{"id":"y"}')]],
  ['a removal of what is no key', [table('places'), '{"type":"removals","table":"places","keys":[{"id":1}]}']],
  ['a count that is no number', [table('places'), '{"type":"records","table":"places","count":"1","versions":[]}']],
  ['more records than can be', [table('places'), '{"type":"records","table":"places","count":1e999,"versions":[]}']],
  ['a mark that nobody knows', ['{"type":"__proto__"}']],
  ['no table at all', ['{"type":"finish"}']],
];
