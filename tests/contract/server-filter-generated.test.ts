import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compileFilter } from '../../sw/filter/compile.ts';
import { isFilterTree, printFilter } from '../../sw/filter/index.ts';
import type { ColumnType, FilterTree } from '../../sw/protocol/filter-tree.ts';
import { isJsonObject, type JsonObject } from '../../sw/protocol/record.ts';
import { filterTree, parameters, propertyOptions, textValue } from '../unit/filter-arbitraries.ts';
import { arrayOf, asObject, create, onBothDatabases } from './server-fixture.ts';

const types: Readonly<Record<string, ColumnType>> = {
  id: 'string',
  date: 'date',
  note: 'string',
  rating: 'number',
  status: 'string',
  total: 'number',
};

/** The columns of the generated filters, as columns of visits. */
const names: Readonly<Record<string, string>> = {
  n1: 'rating',
  n2: 'total',
  s1: 'note',
  s2: 'status',
  b1: 'date',
  b2: 'rating',
  u1: 'note',
  u2: 'date',
};

/** The same tree over visits; a list request has values in the place of parameters. */
function overVisits(part: unknown): unknown {
  if (Array.isArray(part)) return part.map((item: unknown) => overVisits(item));
  if (!isJsonObject(part)) return part;
  const name = typeof part['name'] === 'string' ? part['name'] : '';
  if (part['type'] === 'column') return { type: 'column', name: names[name] ?? name };
  if (part['type'] === 'parameter') return { type: 'value', value: parameters[name] ?? null };
  if (part['type'] === 'isTrue' && isJsonObject(part['operand']) && part['operand']['type'] === 'parameter') {
    return { type: 'literal', value: true };
  }
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, overVisits(value)]));
}

const texts = ['a', 'A', 'Ab', 'aB%', '7', ' 7', '7.0', 'é', 'É', '\u{1F600}', '\uE000', "o'b", '\\', '_', '1e1'];
const dates = ['2026-01-01', '2026-01-01T23:30:00-02:00', '2026-01-02T00:00:00.000Z', null];
const records: readonly JsonObject[] = [
  ...texts,
  ...fc.sample(textValue, { seed: 3, numRuns: 40 }).filter((text) => text.trim() !== ''),
].map((note, index): JsonObject => ({
  id: `g${String(index).padStart(2, '0')}`,
  note,
  rating: index % 6 === 0 ? null : index % 6,
  date: dates[index % dates.length] ?? null,
}));

onBothDatabases('A generated filter', (fixture) => {
  it('K-10 matches on the server what it matches on a device', async () => {
    const outcomes = await fixture.upload(records.map((record) => create('visits', record)));
    expect(outcomes.filter((outcome) => outcome['type'] !== 'applied')).toEqual([]);
    const stored = outcomes.map((outcome) => asObject(outcome['record']));
    let taken = 0;
    const compare = async (generated: FilterTree): Promise<void> => {
      const tree = overVisits(JSON.parse(JSON.stringify(generated)));
      if (!isFilterTree(tree)) return;
      const text = printFilter(tree);
      const query = `filter=${encodeURIComponent(`(${text}) AND id LIKE 'g%'`)}`;
      const { status, body } = await fixture.request('GET', `/api/visits?${query}`);
      // Of columns of different types the server says that it cannot compare them.
      if (status === 400) {
        expect([text, asObject(body)['code']]).toEqual([text, 'filter']);
        return;
      }
      taken += 1;
      const { test } = compileFilter(tree, { types });
      const wanted = stored.filter((record) => test(record)).map((record) => record['id']);
      expect([text, arrayOf(body).map((record) => asObject(record)['id'])]).toEqual([text, wanted]);
    };
    await fc.assert(fc.asyncProperty(filterTree, compare), propertyOptions(300));
    expect(taken).toBeGreaterThan(100);
  });
});
