import fc from 'fast-check';
import { expect, it } from 'vitest';
import { firstOf } from '../../sw/store/first-of.ts';

it('the first of a long list are those that sorting all of it puts first', () => {
  const compare = (a: readonly [number, number], b: readonly [number, number]): number => a[0] - b[0] || a[1] - b[1];
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 300 }), fc.nat(30), (values, count) => {
      const items = values.map((value, index) => [value, index] as const);
      expect(firstOf(items, count, compare).slice(0, count)).toEqual([...items].sort(compare).slice(0, count));
      expect(items.map(([value]) => value)).toEqual(values);
    }),
    { numRuns: 500 },
  );
});
