import 'fake-indexeddb/auto';
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFilter, parseOrderBy } from '../../sw/filter/index.ts';
import { compareKeys, isMutationId, isRunId } from '../../sw/protocol/record.ts';
import { createBase, type Base } from '../../sw/store/base.ts';
import { mergeSegments } from '../../sw/store/compaction.ts';
import { createDatabase, type Database } from '../../sw/store/database.ts';
import type { JournalRow } from '../../sw/store/format.ts';
import { readList } from '../../sw/store/list.ts';
import { parseSchema, type Table } from '../../sw/store/schema.ts';
import { createStaging, openStaging, switchedHead } from '../../sw/store/staging.ts';
import { writeRecord } from '../../sw/store/write.ts';

interface Item {
  readonly id: string;
  readonly stock: number | null;
  readonly name: string;
  readonly filler: string;
}

const schema = parseSchema(1, {
  items: { path: '/items', key: 'id', columns: { stock: { type: 'number', index: true }, name: 'string' } },
});

function theTable(): Table {
  const table = schema.tables.get('items');
  if (table === undefined) throw new Error('no table');
  return table;
}

function journal(): JournalRow {
  const run = randomUUID();
  if (!isRunId(run)) throw new Error('not an id');
  const counts = { throughSeq: 0, uploadedThrough: 0, uploadTotal: 0, uploadDone: 0, commands: 0, failed: 0 };
  const facts = { mode: 'all', trigger: 'call', full: true, user: 'ana', startedAt: 0, state: 'downloading' } as const;
  const rest = {
    cancelled: false,
    resend: [],
    tally: {},
    bytesSent: 0,
    bytesReceived: 0,
    warnings: [],
    progress: null,
  };
  return { id: 'open', run, ...facts, ...counts, ...rest };
}

/** A download as a run makes it: staged, then switched. */
async function download(
  database: Database,
  base: Base,
  full: boolean,
  items: readonly Item[],
  removals: readonly string[],
): Promise<void> {
  const table = theTable();
  const head = await database.read(['heads'], (tx) => base.readHead(tx, 'items'));
  const row = await openStaging(database, head, { full, snapshot: 's' });
  const staging = createStaging({ database, table, row, journal });
  const records = items.map((fields) => ({
    key: fields.id,
    version: '1',
    text: JSON.stringify(fields),
    fields: { ...fields },
  }));
  if (full) await staging.addRecords(records);
  else await staging.addChanges(records, removals);
  await staging.end({ cursor: 'c', count: items.length, cursorFor: '' });
  await database.write(['heads', 'runs'], async (tx) => {
    await tx.objectStore('heads').put(switchedHead(head, staging.row, 1));
    await tx.objectStore('runs').delete(staging.row.id);
  });
}

async function write(database: Database, base: Base, key: string, item: Item | null): Promise<void> {
  const mutationId = randomUUID();
  if (!isMutationId(mutationId)) throw new Error('not an id');
  const operation = item === null ? 'delete' : 'put';
  const content = (): string => JSON.stringify(item);
  const record = { table: 'items', key, operation, content, keyIsNew: false, mutationId, schema: 1 } as const;
  await writeRecord(database, base, record, 1);
}

const keys = fc.integer({ min: 0, max: 59 }).map((number) => `k${String(number).padStart(2, '0')}`);
const contents = fc.record({
  stock: fc.option(fc.integer({ min: -3, max: 3 })),
  name: fc.constantFrom('a', 'B', 'b', 'Ä', ''),
  // Long enough that sixty records fill several leaves.
  filler: fc.constantFrom('x', 'x'.repeat(9000)),
});
const step = fc.oneof(
  fc.record({ type: fc.constant('delta' as const), key: keys, item: fc.option(contents) }),
  fc.record({ type: fc.constant('write' as const), key: keys, item: fc.option(contents) }),
  fc.record({ type: fc.constant('merge' as const), key: keys, item: fc.option(contents) }),
);
const query = fc.record({
  above: fc.option(fc.integer({ min: -3, max: 3 })),
  orderBy: fc.constantFrom('', 'stock', '-stock', 'name,-stock'),
  limit: fc.option(fc.integer({ min: 0, max: 20 })),
  offset: fc.integer({ min: 0, max: 10 }),
  status: fc.constantFrom(null, 'not-synchronized' as const, 'synchronized' as const),
});

type Query = typeof query extends fc.Arbitrary<infer Value> ? Value : never;

/** What a list is, said in the plainest way. */
function naive(view: ReadonlyMap<string, Item>, changed: ReadonlySet<string>, asked: Query): readonly Item[] {
  const order = asked.orderBy.split(',').filter((term) => term !== '');
  const compare = (a: Item, b: Item): number => {
    for (const term of order) {
      const name = term.replace('-', '') === 'stock' ? 'stock' : 'name';
      const [x, y] = [a[name], b[name]];
      // NULL is the least, texts are in the order of their code points.
      const sign = x === y ? 0 : x === null ? -1 : y === null ? 1 : x < y ? -1 : 1;
      if (sign !== 0) return term.startsWith('-') ? -sign : sign;
    }
    return compareKeys(a.id, b.id);
  };
  return [...view.values()]
    .filter((item) => asked.above === null || (item.stock !== null && item.stock > asked.above))
    .filter((item) => asked.status === null || changed.has(item.id) === (asked.status === 'not-synchronized'))
    .sort(compare);
}

describe('a list of leaves, segments and changes', () => {
  it('is what the same list over a plain map is, filtered, ordered and by pages (S-01, K-10)', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(keys, { maxLength: 60 }),
        fc.array(contents, { minLength: 60, maxLength: 60 }),
        fc.array(step, { maxLength: 14 }),
        fc.array(query, { minLength: 1, maxLength: 4 }),
        async (firstKeys, firstContents, steps, queries) => {
          const database = createDatabase({ name: randomUUID(), signal: new AbortController().signal });
          const base = createBase();
          const server = new Map<string, Item>();
          const local = new Map<string, Item | null>();
          const make = (id: string, content: Omit<Item, 'id'> | null): Item | null =>
            content === null ? null : { id, ...content };
          for (const [index, key] of [...firstKeys].sort().entries()) {
            const item = make(key, firstContents[index] ?? null);
            if (item !== null) server.set(key, item);
          }
          await download(database, base, true, [...server.values()], []);
          for (const { type, key, item: content } of steps) {
            const item = make(key, content);
            if (type === 'merge') await mergeSegments(database, base, theTable(), () => false);
            else if (type === 'delta') {
              await download(database, base, false, item === null ? [] : [item], item === null ? [key] : []);
              if (item === null) server.delete(key);
              else server.set(key, item);
            } else {
              const seen = local.has(key) ? (local.get(key) ?? null) : (server.get(key) ?? null);
              if (item === null && seen === null) continue;
              await write(database, base, key, item);
              // A record that the server never had leaves nothing behind.
              if (item === null && !server.has(key)) local.delete(key);
              else local.set(key, item);
            }
          }
          const view = new Map(server);
          for (const [key, item] of local) {
            if (item === null) view.delete(key);
            else view.set(key, item);
          }
          for (const asked of queries) {
            const filter = asked.above === null ? null : parseFilter(`stock > ${asked.above}`);
            const { orderBy: text, limit, offset, status } = asked;
            const orderBy = parseOrderBy(text, { types: theTable().columnTypes, table: 'items' });
            const page = await readList(database, base, theTable(), {
              ...{ filter, params: {}, orderBy, limit, offset, status },
            });
            const expected = naive(view, new Set(local.keys()), asked);
            const shown = expected.slice(offset, limit === null ? undefined : offset + limit);
            expect(page.texts).toEqual(shown.map((item) => JSON.stringify(item)));
            expect(page.total).toBe(expected.length);
            expect(page.notSynchronized).toBe(expected.filter((item) => local.has(item.id)).length);
          }
        },
      ),
      { numRuns: 200 },
    );
  }, 60_000);
});
