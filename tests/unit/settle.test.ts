import { describe, expect, it } from 'vitest';
import { isJsonObject, isMutationId, isRunId, type MutationId, type RunId } from '../../sw/protocol/record.ts';
import type { Outcome } from '../../sw/protocol/wire.ts';
import type { ChangeRow } from '../../sw/store/format.ts';
import type { Table, TableOptions } from '../../sw/store/schema.ts';
import { parseSchema } from '../../sw/store/parse-schema.ts';
import { settle, type Settlement } from '../../sw/sync/settle.ts';

function id(text: string): MutationId {
  const value = `mutation-${text}`;
  if (!isMutationId(value)) throw new Error('not an id');
  return value;
}

function runId(): RunId {
  const value = crypto.randomUUID();
  if (!isRunId(value)) throw new Error('not an id');
  return value;
}

function theTable(options: Partial<TableOptions> = {}): Table {
  const table = parseSchema(1, { visits: { path: '/visits', key: 'id', ...options } }).tables.get('visits');
  if (table === undefined) throw new Error('no table');
  return table;
}

const text = (record: object): string => JSON.stringify({ id: 'v', ...record });

type Operation = ChangeRow['operation'];
type Above = 'none' | 'update' | 'delete' | 'create';

/** The base has note 0 and rating 1; what was sent has note F; what was written over it has rating 2 as well. */
const contents = { base: text({ note: '0', rating: 1 }), sent: text({ note: 'F', rating: 1 }) };
const newer = text({ note: 'F', rating: 2 });
/** The server has made note S of it, and somebody else set a place. */
const copy = { id: 'v', note: 'S', rating: 1, place: 'P' };

function sentRow(operation: Operation): ChangeRow {
  return {
    ...{ table: 'visits', key: 'v', seq: 1, mutationId: id('F'), operation },
    text: operation === 'delete' ? null : contents.sent,
    base: operation === 'create' ? null : { text: contents.base, version: '1' },
    whole: operation === 'create',
    ...{ schema: 1, state: 'pending', attempts: 0, madeAt: 0 },
  };
}

function rowsAbove(above: Above): ChangeRow[] {
  if (above === 'none') return [];
  const row: ChangeRow = {
    ...sentRow(above),
    ...{ seq: 2, mutationId: id('R') },
    text: above === 'delete' ? null : newer,
    base: above === 'create' ? null : { text: contents.sent, version: null },
  };
  return [row];
}

const outcomes = {
  applied: { type: 'applied', mutationId: id('F'), record: copy, version: '2' },
  'applied, removed': { type: 'applied', mutationId: id('F'), record: null, version: null },
  rejected: { type: 'rejected', mutationId: id('F'), code: 'validation', message: 'no' },
  dangling: { type: 'dangling', mutationId: id('F'), message: 'no', references: { table: 'places', key: 'p' } },
  gone: { type: 'gone', mutationId: id('F'), message: 'no' },
  forbidden: { type: 'forbidden', mutationId: id('F'), message: 'no' },
  later: { type: 'later', mutationId: id('F'), message: 'no' },
  fenced: { type: 'fenced', mutationId: id('F') },
} as const satisfies Record<string, Outcome>;
type OutcomeName = keyof typeof outcomes;

function fields(json: string | null): string {
  if (json === null) return 'nothing';
  const record: unknown = JSON.parse(json);
  return Object.entries(isJsonObject(record) ? record : {})
    .filter(([name]) => name !== 'id')
    .map(([name, value]) => `${name} ${JSON.stringify(value).replaceAll('"', '')}`)
    .join(' ');
}

/** A settlement in words, so that a table of them can be read beside SPEC 3.2. */
function told({ rows, base, failure }: Settlement): string {
  const changes = rows.map((row) => {
    const on = row.base === null ? '' : ` on ${row.base.version ?? 'the row below'} (${fields(row.base.text)})`;
    const state = row.state === 'pending' ? '' : `, ${row.state}`;
    const named = row.mutationId === id('F') ? 'F' : row.mutationId === id('R') ? 'R' : 'new id';
    return `${named}: ${row.operation} ${fields(row.text)}${on}${row.whole ? ', whole' : ''}${state}${row.sealed === true ? ', sealed' : ''}`;
  });
  const bases = { keep: [], remove: ['base removed'], put: base.type === 'put' ? [`base ${fields(base.text)}`] : [] };
  const failures = failure === null ? [] : [`failure ${failure.code}: ${fields(failure.row.text)}`];
  return [...changes, ...bases[base.type], ...failures].join(' | ') || 'nothing is left';
}

function outcomeOf(operation: Operation, above: Above, name: OutcomeName): string {
  let made = 0;
  const newId = (): MutationId => id(`new-${(made += 1)}`);
  const run = runId();
  const input = { table: theTable(), row: sentRow(operation), above: rowsAbove(above), newId, run };
  return told(settle({ ...input, outcome: outcomes[name] }));
}

/** Which sent row and which row over it can meet: nothing but a create comes over a delete, and it over nothing else. */
const meetings = {
  'create, none': ['create', 'none'],
  'create, update': ['create', 'update'],
  'create, delete': ['create', 'delete'],
  'update, none': ['update', 'none'],
  'update, update': ['update', 'update'],
  'update, delete': ['update', 'delete'],
  'delete, none': ['delete', 'none'],
  'delete, create': ['delete', 'create'],
} as const satisfies Record<string, readonly [Operation, Above]>;
type Meeting = keyof typeof meetings;

const taken = 'base note S rating 1 place P';
const merged = 'note S rating 2 place P';
const refusedCreate = 'F: create note F rating 1, whole, rejected';
const refusedUpdate = 'F: update note F rating 1 on 1 (note 0 rating 1), rejected';
const refusedDelete = 'F: delete nothing on 1 (note 0 rating 1), rejected';

/** SPEC 3.2. `null`: the server does not answer so. */
const expected: Record<Meeting, Record<OutcomeName, string | null>> = {
  'create, none': {
    applied: taken,
    'applied, removed': 'base removed',
    rejected: `${refusedCreate} | failure validation: note F rating 1`,
    dangling: `${refusedCreate} | failure dangling: note F rating 1`,
    gone: 'base removed | failure gone: note F rating 1',
    forbidden: `${refusedCreate} | failure forbidden: note F rating 1`,
    later: 'F: create note F rating 1, whole, sealed',
    fenced: 'new id: create note F rating 1, whole',
  },
  'create, update': {
    applied: `R: update ${merged} on 2 (note S rating 1 place P) | ${taken}`,
    'applied, removed': 'base removed | failure gone: note F rating 2',
    rejected: 'new id: create note F rating 2, whole',
    dangling: 'new id: create note F rating 2, whole',
    gone: 'base removed | failure gone: note F rating 2',
    forbidden: 'new id: create note F rating 2, whole',
    later: 'F: create note F rating 1, whole, sealed | R: update note F rating 2 on the row below (note F rating 1)',
    fenced: 'new id: create note F rating 2, whole',
  },
  'create, delete': {
    applied: `R: delete nothing on 2 (note S rating 1 place P) | ${taken}`,
    'applied, removed': 'base removed',
    rejected: 'nothing is left',
    dangling: 'nothing is left',
    gone: 'base removed | failure gone: note F rating 1',
    forbidden: 'nothing is left',
    later: 'F: create note F rating 1, whole, sealed | R: delete nothing on the row below (note F rating 1)',
    fenced: 'nothing is left',
  },
  'update, none': {
    applied: taken,
    'applied, removed': 'base removed',
    rejected: `${refusedUpdate} | failure validation: note F rating 1`,
    dangling: `${refusedUpdate} | failure dangling: note F rating 1`,
    gone: 'base removed | failure gone: note F rating 1',
    forbidden: 'base removed | failure forbidden: note F rating 1',
    later: 'F: update note F rating 1 on 1 (note 0 rating 1), sealed',
    fenced: 'new id: update note F rating 1 on 1 (note 0 rating 1)',
  },
  'update, update': {
    applied: `R: update ${merged} on 2 (note S rating 1 place P) | ${taken}`,
    'applied, removed': 'base removed | failure gone: note F rating 2',
    rejected: 'new id: update note F rating 2 on 1 (note 0 rating 1)',
    dangling: 'new id: update note F rating 2 on 1 (note 0 rating 1)',
    gone: 'base removed | failure gone: note F rating 2',
    forbidden: 'base removed | failure forbidden: note F rating 2',
    later:
      'F: update note F rating 1 on 1 (note 0 rating 1), sealed | R: update note F rating 2 on the row below (note F rating 1)',
    fenced: 'new id: update note F rating 2 on 1 (note 0 rating 1)',
  },
  'update, delete': {
    applied: `R: delete nothing on 2 (note S rating 1 place P) | ${taken}`,
    'applied, removed': 'base removed',
    rejected: 'new id: delete nothing on 1 (note 0 rating 1)',
    dangling: 'new id: delete nothing on 1 (note 0 rating 1)',
    gone: 'base removed | failure gone: note F rating 1',
    forbidden: 'base removed | failure forbidden: note F rating 1',
    later:
      'F: update note F rating 1 on 1 (note 0 rating 1), sealed | R: delete nothing on the row below (note F rating 1)',
    fenced: 'new id: delete nothing on 1 (note 0 rating 1)',
  },
  'delete, none': {
    // A replay that finds the record: somebody made it anew since.
    applied: taken,
    'applied, removed': 'base removed',
    rejected: `${refusedDelete} | failure validation: nothing`,
    dangling: null,
    gone: 'base removed | failure gone: nothing',
    forbidden: 'base removed | failure forbidden: nothing',
    later: 'F: delete nothing on 1 (note 0 rating 1), sealed',
    fenced: 'new id: delete nothing on 1 (note 0 rating 1)',
  },
  'delete, create': {
    applied: null,
    'applied, removed': 'R: create note F rating 2, whole | base removed',
    rejected: 'new id: update note F rating 2 on 1 (note 0 rating 1), whole',
    dangling: null,
    gone: 'R: create note F rating 2, whole | base removed',
    forbidden: 'R: create note F rating 2, whole | base removed',
    later: 'F: delete nothing on 1 (note 0 rating 1), sealed | R: create note F rating 2, whole',
    fenced: 'new id: update note F rating 2 on 1 (note 0 rating 1), whole',
  },
};

const cells = Object.entries(meetings).flatMap(([meeting, [operation, above]]) =>
  Object.keys(outcomes).flatMap((name) => {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the keys of the two tables above
    const [row, outcome] = [meeting as Meeting, name as OutcomeName];
    const result = expected[row][outcome];
    return result === null ? [] : [{ operation, above, outcome, result }];
  }),
);

describe('an outcome (SPEC 3.2, S-05, S-06, U-04, U-06)', () => {
  it.each(cells)('$outcome of a $operation under $above: $result', ({ operation, above, outcome, result }) => {
    expect(outcomeOf(operation, above, outcome)).toBe(result);
  });

  it('of a row with several over it rebases each on the one below', () => {
    const [first] = rowsAbove('update');
    if (first === undefined) throw new Error('no row');
    const second: ChangeRow = {
      ...first,
      ...{ seq: 3, mutationId: id('R2'), text: text({ note: 'F2', rating: 2 }) },
      base: { text: newer, version: null },
    };
    const input = { table: theTable(), row: sentRow('update'), newId: () => id('new'), run: runId() };
    const settlement = settle({ ...input, above: [first, second], outcome: outcomes.applied });
    expect(settlement.rows.map((row) => [fields(row.text), fields(row.base?.text ?? null)])).toEqual([
      [merged, 'note S rating 1 place P'],
      ['note F2 rating 2 place P', merged],
    ]);
  });

  it('of what was deleted since lets only a record live that was made anew over a delete (U-03, U-04)', () => {
    const [update] = rowsAbove('update');
    const [deleted] = rowsAbove('delete');
    const [anew] = rowsAbove('create');
    if (update === undefined || deleted === undefined || anew === undefined) throw new Error('no row');
    const above = [update, { ...deleted, seq: 3 }, { ...anew, seq: 4 }];
    const input = { table: theTable(), row: sentRow('create'), newId: () => id('new'), run: runId() };
    const settlement = settle({ ...input, above, outcome: outcomes['applied, removed'] });
    expect(told(settlement)).toBe('R: create note F rating 2, whole | base removed');
    expect(settlement.rows.map(({ seq }) => seq)).toEqual([4]);
  });

  it('that refuses a change drops it where the table says so, and the failure holds its content (U-06)', () => {
    const input = {
      table: theTable({ onRejected: 'discard' }),
      row: sentRow('update'),
      newId: () => id('new'),
      run: runId(),
    };
    const settlement = settle({ ...input, above: [], outcome: outcomes.rejected });
    expect(told(settlement)).toBe('failure validation: note F rating 1');
    expect(settlement.failure).toMatchObject({ retriable: false });
  });

  it('keeps columns that are never sent as they are here (C-03)', () => {
    const table = theTable({ columns: { rating: { type: 'number', local: true } } });
    const input = { table, row: sentRow('update'), newId: () => id('new'), run: runId() };
    const record = { id: 'v', note: 'S' };
    const settlement = settle({ ...input, above: [], outcome: { ...outcomes.applied, record } });
    expect(told(settlement)).toBe('base note S rating 1');
  });
});
