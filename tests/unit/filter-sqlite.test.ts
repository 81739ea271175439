import fc from 'fast-check';
import initSqlJs, { type Database } from 'sql.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type ColumnBounds,
  type ColumnVector,
  columnValue,
  compareValues,
  compileFilter,
  compileVectorFilter,
  type LeafBounds,
  mayMatch,
  printFilter,
} from '../../sw/filter/index.ts';
import {
  filterTree,
  numberValue,
  parameters,
  propertyOptions,
  textValue,
  types,
  untyped,
} from './filter-arbitraries.ts';

type Row = Readonly<Record<string, string | number | boolean | null>>;

const nothing = fc.constant(null);
const rowArbitrary: fc.Arbitrary<Row> = fc.record({
  n1: fc.oneof(numberValue, numberValue, nothing),
  n2: numberValue,
  s1: fc.oneof(textValue, textValue, nothing),
  s2: textValue,
  b1: fc.oneof(fc.boolean(), nothing),
  b2: fc.boolean(),
  u1: fc.oneof(textValue, numberValue, fc.boolean(), nothing),
  u2: fc.oneof(textValue, numberValue),
});

/** The same records in every run. */
const rows = fc.sample(rowArbitrary, { seed: 1, numRuns: 300 });
/** A limit for what hangs: how long the filters take is a matter of the machine. */
const longest = 60_000;
const options = { types, params: parameters };
const columns = [...Object.keys(types), ...untyped];
const affinity = { string: 'TEXT', number: 'NUMERIC', boolean: 'NUMERIC', date: 'TEXT' };

let database: Database;

beforeAll(async () => {
  database = new (await initSqlJs()).Database();
  const declarations = columns.map((name) => {
    const type = types[name];
    return type ? `${name} ${affinity[type]}` : name;
  });
  database.run(`CREATE TABLE rows (row INTEGER, ${declarations.join(', ')})`);
  rows.forEach((row, index) => {
    const values = columns.map((name) => sqlValue(row[name] ?? null));
    database.run(`INSERT INTO rows VALUES (?${', ?'.repeat(columns.length)})`, [index, ...values]);
  });
});

afterAll(() => {
  database.close();
});

describe('filters agree with SQLite', () => {
  test(
    'on which records match (K-07)',
    () => {
      fc.assert(
        fc.property(filterTree, (tree) => {
          const { test: matches } = compileFilter(tree, options);
          expect(indexesOf(rows.map(matches))).toEqual(selectWhere(printFilter(tree)));
        }),
        propertyOptions(1500),
      );
    },
    longest,
  );

  test(
    'on which rows of column vectors match',
    () => {
      const declared = Object.fromEntries(Object.keys(types).map((name) => [name, toVector(name)]));
      fc.assert(
        fc.property(
          filterTree.filter((tree) => !/\bu[12]\b/u.test(printFilter(tree))),
          (tree) => {
            const mask = compileVectorFilter(tree, options)(declared, rows.length);
            expect(indexesOf([...mask].map((byte) => byte === 1))).toEqual(selectWhere(printFilter(tree)));
          },
        ),
        propertyOptions(1000),
      );
    },
    longest,
  );

  test('and never skip a leaf that holds a match', () => {
    const leaves = fc
      .integer({ min: 0, max: rows.length - 1 })
      .chain((from) => fc.integer({ min: 1, max: 4 }).map((count) => rows.slice(from, from + count)));
    let skipped = 0;
    fc.assert(
      fc.property(filterTree, leaves, (tree, leaf) => {
        const may = mayMatch(tree, toBounds(leaf), options);
        if (!may) skipped++;
        expect(may || !leaf.some(compileFilter(tree, options).test)).toBe(true);
      }),
      propertyOptions(4000),
    );
    expect(skipped).toBeGreaterThan(300);
  });

  test.each(columns)('on the order by %s, NULL first', (name) => {
    const compare = compareValues(types[name]);
    const sorted = rows.map((row, index) => ({ row, index }));
    sorted.sort((a, b) => compare(a.row[name], b.row[name]) || a.index - b.index);
    const statement = database.exec(`SELECT row FROM rows ORDER BY ${name}, row`);
    expect(sorted.map(({ index }) => index)).toEqual(statement[0]?.values.map(([row]) => row));
  });
});

function sqlValue(value: string | number | boolean | null): string | number | null {
  return typeof value === 'boolean' ? Number(value) : value;
}

function selectWhere(condition: string): number[] {
  const found: number[] = [];
  // SQLite refuses parameters that the statement does not have.
  const used = Object.entries(parameters).filter(([name]) => new RegExp(`:${name}\\b`, 'u').test(condition));
  const bound = Object.fromEntries(used.map(([name, value]) => [`:${name}`, sqlValue(value)]));
  const statement = database.prepare(`SELECT row FROM rows WHERE ${condition} ORDER BY row`, bound);
  while (statement.step()) found.push(Number(statement.get()[0]));
  statement.free();
  return found;
}

function indexesOf(matches: readonly boolean[]): number[] {
  return matches.flatMap((matched, index) => (matched ? [index] : []));
}

function toVector(name: string): ColumnVector {
  const values = rows.map((row) => columnValue(row[name], types[name]));
  const isNull = Uint8Array.from(values, (value) => (value === null ? 1 : 0));
  const nulls = isNull.includes(1) ? isNull : null;
  if (types[name] !== 'string') return { type: 'number', values: Float64Array.from(values, Number), nulls };
  const texts = values.map((value) => String(value ?? ''));
  let end = 0;
  const ends = Uint32Array.from(texts, (text) => (end += text.length));
  return { type: 'string', text: texts.join(''), ends, nulls };
}

function toBounds(leaf: readonly Row[]): LeafBounds {
  const indexed = columns.filter((name) => name !== 'n2' && name !== 'u2');
  return Object.fromEntries(indexed.map((name) => [name, boundsOf(leaf, name)]));
}

function boundsOf(leaf: readonly Row[], name: string): ColumnBounds {
  const values = leaf.map((row) => columnValue(row[name], types[name]));
  const present = values.filter((value) => value !== null).sort(compareValues());
  return { min: present[0] ?? null, max: present.at(-1) ?? null, hasNull: values.includes(null) };
}
