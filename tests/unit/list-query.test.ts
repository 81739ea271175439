import { describe, expect, it } from 'vitest';
import { compileFilter } from '../../sw/filter/index.ts';
import { readQuery } from '../../sw/router/query.ts';
import { theTable } from './store-fixture.ts';

const items = [
  { id: 'a', stock: 4, name: 'Coca Cola' },
  { id: 'b', stock: 6, name: "O'Brien" },
  { id: 'c', stock: 50, name: 'Cola' },
];

function found(values: Readonly<Record<string, string>>): { readonly keys: string[]; readonly warnings: unknown } {
  const query = readQuery(theTable(), new URLSearchParams(values));
  if (query === null || query.filter === null) throw new Error('no filter');
  const { test, warnings } = compileFilter(query.filter, { types: theTable().columnTypes, params: query.params });
  return { keys: items.filter(test).map(({ id }) => id), warnings };
}

describe('the query of a list request', () => {
  it('has the values of the filter’s parameters under their names (K-06)', () => {
    expect(found({ filter: 'stock > :n', ':n': '5' })).toEqual({ keys: ['b', 'c'], warnings: [] });
    expect(found({ filter: 'name LIKE :part AND stock < :n', ':part': '%Cola', ':n': '50' }).keys).toEqual(['a']);
    expect(found({ filter: 'name = :name', ':name': "O'Brien" }).keys).toEqual(['b']);
    expect(found({ filter: 'name = :name', ':name': "x' OR 'a' = 'a" }).keys).toEqual([]);
    expect(found({ filter: 'stock = :n', ':n': '6', name: "O'Brien" }).keys).toEqual(['b']);
  });

  it('tells of a parameter that is not there, not used, or there twice (K-09)', () => {
    expect(() => found({ filter: 'stock > :last', ':least': '5' })).toThrow(/position 8.*mean least/s);
    expect(found({ filter: 'stock > 5', ':n': '5' }).warnings).toEqual([expect.stringContaining(':n is not used')]);
    const twice = new URLSearchParams([
      ['filter', 'stock > :n'],
      [':n', '1'],
      [':n', '2'],
    ]);
    expect(() => readQuery(theTable(), twice)).toThrow(/given once/);
  });

  it('is for the network if it names what the worker does not know', () => {
    expect(readQuery(theTable(), new URLSearchParams('since=yesterday'))).toBeNull();
  });
});
