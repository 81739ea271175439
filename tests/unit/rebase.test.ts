import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject } from '../../sw/protocol/record.ts';
import { differingFields, rebase } from '../../sw/store/rebase.ts';

function rebased(server: object, from: object, to: object): unknown {
  return JSON.parse(rebase(JSON.stringify(server), JSON.stringify(from), JSON.stringify(to)));
}

/** Records of few fields and values, so that they often agree; names that a careless merge would trip over among them. */
const record: fc.Arbitrary<JsonObject> = fc
  .dictionary(
    fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor'),
    fc.constantFrom<JsonObject[string]>(0, 1, 'x', null, [1], [1, 2], { deep: 1 }, { deep: { er: [0] } }),
  )
  .map((fields) => Object.fromEntries(Object.entries(fields)));

function own(fields: unknown, name: string): unknown {
  return isJsonObject(fields) && Object.hasOwn(fields, name) ? fields[name] : undefined;
}

describe('a newer edit over what the server made of an older one (U-04)', () => {
  it('keeps what the server changed, and what the user changed since', () => {
    const sent = { note: 'mine', reference: 'a-1', rating: 3 };
    const server = { note: 'mine', reference: 'A-1', rating: 3, total: 12 };
    expect(rebased(server, sent, { ...sent, rating: 5 })).toEqual({ ...server, rating: 5 });
  });

  it('is the server’s copy, byte by byte, where nothing was changed since', () => {
    const server = '{ "total": 12,  "note": "x" }';
    expect(rebase(server, '{"note":"a"}', '{"note":"a"}')).toBe(server);
  });

  it('takes away a field that was taken away since, and adds one that was added', () => {
    expect(rebased({ a: 1, b: 2 }, { a: 1, b: 2 }, { a: 1, c: 3 })).toEqual({ a: 1, c: 3 });
  });

  it('compares by value: an equal object or list is no change, and one with another order of its list is', () => {
    expect(differingFields({ a: { x: 1, y: [2] } }, { a: { y: [2], x: 1 } })).toEqual([]);
    expect(differingFields({ a: [1, 2] }, { a: [2, 1] })).toEqual(['a']);
    expect(differingFields({ a: [] }, { a: {} })).toEqual(['a']);
    expect(differingFields({}, { a: null })).toEqual(['a']);
  });

  it('has each field from the user where they changed it, else from the server, whatever its name', () => {
    fc.assert(
      fc.property(record, record, record, (server, from, to) => {
        const result = rebased(server, from, to);
        const changed = new Set(differingFields(from, to));
        for (const name of ['a', 'b', 'c', '__proto__', 'constructor']) {
          expect(own(result, name)).toEqual(own(changed.has(name) ? to : server, name));
        }
        expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
      }),
    );
  });
});
