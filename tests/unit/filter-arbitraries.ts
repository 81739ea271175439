import fc from 'fast-check';
import type { ColumnType, FilterNode, FilterOperand, FilterTree } from '../../sw/protocol/filter-tree.ts';

/** Fixed, so that every run checks the same filters; another run is `FAST_CHECK_SEED=… npx vitest run tests/unit/filter`. */
const seed = Number(process.env['FAST_CHECK_SEED'] ?? 19_700_101);

/** fast-check names the seed and the shrunk filter when it fails. */
export function propertyOptions(numRuns: number): fc.Parameters<unknown> {
  return { seed, numRuns };
}

export const types: Readonly<Record<string, ColumnType>> = {
  n1: 'number',
  n2: 'number',
  s1: 'string',
  s2: 'string',
  b1: 'boolean',
  b2: 'boolean',
};

/** Columns of which nothing is declared. */
export const untyped: readonly string[] = ['u1', 'u2'];

export const parameters: Readonly<Record<string, string | number | boolean | null>> = {
  number: 7,
  text: 'Ab%',
  digits: '7',
  flag: true,
  nothing: null,
};

const character = fc.constantFrom(
  'a',
  'A',
  'b',
  'B',
  '%',
  '_',
  'é',
  'É',
  '😀',
  '\ue000',
  '\uffee',
  '7',
  '0',
  ' ',
  "'",
  '`',
  '\\',
);
const word = fc.string({ unit: character, maxLength: 5 });
const digits = fc.constantFrom('7', ' 7', '7 ', '+7', '7.0', '1.5', '.5', '5.', '1e1', '7x', 'e1', '-', '0x7', '');

export const textValue: fc.Arbitrary<string> = fc.oneof({ arbitrary: word, weight: 3 }, digits);
export const numberValue: fc.Arbitrary<number> = fc.integer({ min: -14, max: 14 }).map((value) => value / 2 + 0);
const anyValue = fc.oneof(textValue, numberValue, fc.boolean(), fc.constant(null));

const operand: fc.Arbitrary<FilterOperand> = fc.oneof(
  { arbitrary: fc.constantFrom(...Object.keys(types), ...untyped).map(column), weight: 3 },
  { arbitrary: anyValue.map((value): FilterOperand => ({ type: 'value', value })), weight: 3 },
  { arbitrary: fc.constantFrom(...Object.keys(parameters)).map(parameter), weight: 1 },
);

const patternOperand: fc.Arbitrary<FilterOperand> = fc.oneof(
  { arbitrary: word.map((value): FilterOperand => ({ type: 'value', value })), weight: 5 },
  operand,
);

function column(name: string): FilterOperand & { type: 'column' } {
  return { type: 'column', name };
}

function parameter(name: string): FilterOperand & { type: 'parameter' } {
  return { type: 'parameter', name };
}

const leaf: fc.Arbitrary<FilterNode> = fc.oneof(
  fc.record({
    type: fc.constant('compare' as const),
    operator: fc.constantFrom('=', '<>', '<', '<=', '>', '>='),
    left: operand,
    right: operand,
  }),
  fc.record(
    {
      type: fc.constant('like' as const),
      operand,
      pattern: patternOperand,
      escape: fc.constantFrom('\\', '%', '_', 'a', '😀'),
    },
    { requiredKeys: ['type', 'operand', 'pattern'] },
  ),
  fc.record({ type: fc.constant('in' as const), operand, list: fc.array(operand, { maxLength: 4 }) }),
  fc.record({ type: fc.constant('between' as const), operand, low: operand, high: operand }),
  fc.record({ type: fc.constant('isNull' as const), operand }),
  fc.record({
    type: fc.constant('isTrue' as const),
    operand: fc.oneof(
      fc.constantFrom(...Object.keys(types), ...untyped).map(column),
      fc.constantFrom(...Object.keys(parameters)).map(parameter),
    ),
  }),
  fc.record({ type: fc.constant('literal' as const), value: fc.constantFrom(true, false, null) }),
);

const { node } = fc.letrec<{ node: FilterNode }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    { arbitrary: leaf, weight: 4 },
    {
      arbitrary: fc.record({
        type: fc.constantFrom('and', 'or'),
        nodes: fc.array(tie('node'), { minLength: 2, maxLength: 4 }),
      }),
      weight: 3,
    },
    { arbitrary: fc.record({ type: fc.constant('not' as const), node: tie('node') }), weight: 1 },
  ),
}));

/** Filters over the columns and parameters above. */
export const filterTree: fc.Arbitrary<FilterTree> = node.map((where) => ({ version: 1, where }));
