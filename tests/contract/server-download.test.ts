import { expect, it, vi } from 'vitest';
import type { JsonObject } from '../../sw/protocol/record.ts';
import { maintain } from '../../demo/server/maintenance.ts';
import { demoTables } from '../../demo/server/schema/demo-tables.ts';
import { Catalog } from '../../demo/server/schema/table-definition.ts';
import { parseFilter } from '../../sw/filter/parse.ts';
import { command, create, newId, onBothDatabases, remove, update, visit, asText, asJson } from './server-fixture.ts';

const onConflict = { visits: 'overwrite', lines: 'overwrite', products: 'overwrite' };
const filterScope = (text: string, params: JsonObject = {}): JsonObject => {
  const filter = asJson(JSON.stringify(parseFilter(text)));
  return { type: 'filter', filter, params };
};

onBothDatabases('A download', (fixture) => {
  it('sends a whole table by key, and counts it', async () => {
    const [places, products] = await fixture.download([
      { table: 'places', scope: { type: 'all' }, cursor: null },
      { table: 'products', scope: { type: 'all' }, cursor: null },
    ]);
    expect(places).toMatchObject({ table: 'places', full: true, count: 50 });
    expect(places?.records).toHaveLength(50);
    const ids = places?.records.map((record) => asText(record['id'])) ?? [];
    expect(ids).toEqual([...ids].sort());
    expect(products?.records.slice(0, 3).map((record) => record['Name'])).toEqual([
      'Coca Cola',
      'Pepsi Cola',
      'Pork Chops',
    ]);
    const codes = products?.records.map((record) => Number(record['Code'])) ?? [];
    expect(codes).toEqual([...codes].sort((a, b) => a - b));
  });

  it('D-02 names every record changed since the cursor, and nothing when nothing was', async () => {
    const gone = visit();
    const kept = visit();
    await fixture.upload([create('visits', gone), create('visits', kept)]);
    const before = await fixture.downloadTable('visits');
    expect(before.full).toBe(true);
    const quiet = await fixture.downloadTable('visits', { cursor: before.cursor });
    expect(quiet).toMatchObject({ full: false, records: [], removals: [], count: before.count });
    const added = visit();
    await fixture.upload(
      [
        remove('visits', asText(gone['id'])),
        update('visits', { ...kept, note: 'Changed' }, { fields: ['note'] }),
        create('visits', added),
      ],
      { onConflict },
    );
    const after = await fixture.downloadTable('visits', { cursor: quiet.cursor });
    expect(after.full).toBe(false);
    expect(after.removals).toEqual([gone['id']]);
    expect(new Set(after.records.map((record) => record['id']))).toEqual(new Set([kept['id'], added['id']]));
    expect(after.count).toBe(before.count);
  });

  it('D-02 looks once at a table in which nothing changed for this user', async () => {
    const scope = filterScope('rating >= 3');
    const whole = await fixture.downloadTable('visits');
    const some = await fixture.downloadTable('visits', { scope });
    await fixture.upload([create('visits', visit())], { user: 'ben' });
    const asked = vi.spyOn(fixture.server.database, 'query');
    const transactions = vi.spyOn(fixture.server.database, 'transaction');
    try {
      const again = await fixture.downloadTable('visits', { cursor: whole.cursor });
      expect(again).toMatchObject({ full: false, records: [], removals: [], count: whole.count });
      const filtered = await fixture.downloadTable('visits', { cursor: some.cursor, scope });
      expect(filtered).toMatchObject({ full: false, records: [], removals: [], count: some.count });
      expect(asked.mock.calls.filter(([sql]) => sql.includes('"visits"'))).toHaveLength(2);
      expect(transactions).not.toHaveBeenCalled();
    } finally {
      asked.mockRestore();
      transactions.mockRestore();
    }
    const mine = visit({ rating: 5 });
    await fixture.upload([create('visits', mine)]);
    const after = await fixture.downloadTable('visits', { cursor: some.cursor, scope });
    expect(after.records.map(({ id }) => id)).toEqual([mine['id']]);
    expect(after.count).toBe(some.count + 1);
    await fixture.upload([remove('visits', asText(mine['id']))], { onConflict });
    const gone = await fixture.downloadTable('visits', { cursor: after.cursor, scope });
    expect(gone).toMatchObject({ full: false, records: [], removals: [mine['id']], count: some.count });
  });

  it('tells of records deleted and made again as records', async () => {
    const record = visit();
    await fixture.upload([create('visits', record)]);
    const { cursor } = await fixture.downloadTable('visits');
    await fixture.upload([remove('visits', asText(record['id']))], { onConflict });
    await fixture.upload([create('visits', { ...record, note: 'Back' })]);
    const after = await fixture.downloadTable('visits', { cursor });
    expect(after.removals).toEqual([]);
    expect(after.records).toMatchObject([{ id: record['id'], note: 'Back' }]);
  });

  it('O7 moves a visit that is handed over with its lines, and names it to no one else', async () => {
    const record = visit();
    const id = asText(record['id']);
    const line = { id: newId(), visitId: id, productCode: 1, quantity: 2, price: 3 };
    await fixture.upload([create('visits', record), create('lines', line)]);
    const cursors = async (user: 'ana' | 'ben') => ({
      visits: (await fixture.downloadTable('visits', { user })).cursor,
      lines: (await fixture.downloadTable('lines', { user })).cursor,
    });
    const ana = await cursors('ana');
    const ben = await cursors('ben');
    const [outcome] = await fixture.upload([command(`/api/visits/${id}/hand-over`, { to: 'ben' })]);
    expect(outcome).toMatchObject({ type: 'applied', record: null });
    const anas = await fixture.downloadTable('visits', { cursor: ana.visits });
    expect(anas).toMatchObject({ records: [], removals: [id] });
    expect(await fixture.downloadTable('lines', { cursor: ana.lines })).toMatchObject({
      records: [],
      removals: [line.id],
    });
    const bens = await fixture.downloadTable('visits', { user: 'ben', cursor: ben.visits });
    expect(bens).toMatchObject({ removals: [], records: [{ id, total: 6 }] });
    expect(await fixture.downloadTable('lines', { user: 'ben', cursor: ben.lines })).toMatchObject({ records: [line] });
    const refused = await fixture.upload([
      update('visits', { ...record, note: 'Still mine?' }, { fields: ['note'], baseVersion: '1' }),
      create('lines', { ...line, id: newId() }),
    ]);
    expect(refused).toMatchObject([{ type: 'forbidden' }, { type: 'forbidden' }]);
    const bensNext = await fixture.downloadTable('visits', { user: 'ben', cursor: bens.cursor });
    await fixture.upload([remove('visits', id)], { user: 'ben', onConflict });
    const unseen = await fixture.downloadTable('visits', { cursor: anas.cursor });
    expect(unseen).toMatchObject({ records: [], removals: [] });
    const seen = await fixture.downloadTable('visits', { user: 'ben', cursor: bensNext.cursor });
    expect(seen.removals).toEqual([id]);
  });

  it('C-01 sends what a filter takes in, and removes what left it', async () => {
    const scope = filterScope('Stock < :n', { n: 50 });
    const before = await fixture.downloadTable('products', { scope });
    expect(before.records.map((record) => record['Name'])).toEqual(['Rye Bread', 'Smoked Salmon', 'Honey']);
    expect(before.count).toBe(3);
    await fixture.request('PATCH', '/api/products/11', { body: { Stock: 500 } });
    await fixture.request('PATCH', '/api/products/12', { body: { Stock: 5 } });
    await fixture.request('PATCH', '/api/products/13', { body: { Stock: 501 } });
    const after = await fixture.downloadTable('products', { scope, cursor: before.cursor });
    expect(after).toMatchObject({ full: false, count: 3 });
    expect(after.records.map((record) => record['Code'])).toEqual([12]);
    expect(after.removals).toContain(11);
    const wider = await fixture.downloadTable('products', {
      scope: filterScope('Stock < :n', { n: 51 }),
      cursor: after.cursor,
    });
    expect(wider.full).toBe(true);
  });

  it('sends everything anew for a cursor of another user, schema or table, and for one from the future', async () => {
    const { cursor } = await fixture.downloadTable('products');
    expect((await fixture.downloadTable('products', { cursor })).full).toBe(false);
    expect((await fixture.downloadTable('products', { cursor, user: 'ben' })).full).toBe(true);
    expect((await fixture.downloadTable('places', { cursor })).full).toBe(true);
    const table = { table: 'products', scope: { type: 'all' }, cursor };
    expect((await fixture.download([table], 'ana', 2))[0]?.full).toBe(true);
    expect((await fixture.downloadTable('products', { cursor: 'junk' })).full).toBe(true);
    const future = cursor.replace(/\d+$/, '18446744073709551615');
    expect((await fixture.downloadTable('products', { cursor: future })).full).toBe(true);
    await fixture.server.database.query(`update sync_users set access_epoch = access_epoch + 1 where name = 'ana'`);
    expect((await fixture.downloadTable('products', { cursor })).full).toBe(true);
  });

  it('sends everything anew to a client that is older than the tombstones', async () => {
    const { cursor } = await fixture.downloadTable('products');
    await fixture.request('PUT', '/api/products/990', { body: { Name: 'Old', Stock: 1 } });
    await fixture.request('DELETE', '/api/products/990');
    const young = await fixture.downloadTable('products', { cursor });
    expect(young).toMatchObject({ full: false, removals: [990] });
    const { database } = fixture.server;
    await database.query(`update sync_tombstones set at = now() - interval '91 days' where record_key = '990'`);
    await maintain(database, new Catalog(demoTables));
    const anew = await fixture.downloadTable('products', { cursor });
    expect(anew).toMatchObject({ full: true, count: young.count });
    expect(anew.records).toHaveLength(young.count);
    expect((await fixture.downloadTable('products', { cursor: anew.cursor })).full).toBe(false);
  });

  it('D-04 continues where it stopped, and adds what changed since its snapshot', async () => {
    const whole = await fixture.downloadTable('places');
    const half = whole.records[24];
    await fixture.request('PATCH', `/api/places/${asText(whole.records[3]?.['id'])}`, { body: { name: 'Renamed' } });
    const [rest] = await fixture.download([
      {
        table: 'places',
        scope: { type: 'all' },
        cursor: null,
        resume: { snapshot: whole.snapshot, after: half?.['id'] ?? null },
      },
    ]);
    expect(rest?.full).toBe(true);
    expect(rest?.records.slice(0, 25)).toEqual(whole.records.slice(25));
    expect(rest?.records.slice(25)).toMatchObject([{ id: whole.records[3]?.['id'], name: 'Renamed' }]);
  });

  it('agrees with its own count while others write', async () => {
    const key = newId();
    const stopping = new AbortController();
    const stopped = stopping.signal;
    const writer = (async () => {
      for (let round = 0; !stopped.aborted; round += 1) {
        await fixture.upload([create('visits', visit({ id: `${key}-${round}` }))], { user: 'ben' });
        if (round % 2 === 1) {
          await fixture.upload([remove('visits', `${key}-${round - 1}`)], { user: 'ben', onConflict });
        }
      }
    })();
    const here = new Map<string, JsonObject>();
    let cursor: string | null = null;
    for (let round = 0; round < 15; round += 1) {
      const next: Awaited<ReturnType<typeof fixture.downloadTable>> = await fixture.downloadTable('visits', {
        user: 'ben',
        cursor,
      });
      for (const record of next.records) here.set(asText(record['id']), record);
      for (const removed of next.removals) here.delete(asText(removed));
      expect(here.size).toBe(next.count);
      ({ cursor } = next);
    }
    stopping.abort();
    await writer;
  });

  it('refuses a table, a scope or a filter that it does not know, before the stream begins', async () => {
    const cases: [JsonObject, number, string][] = [
      [{ table: 'wishes', scope: { type: 'all' }, cursor: null }, 404, 'unknown-table'],
      [{ table: 'visits', scope: { type: 'some' }, cursor: null }, 400, 'invalid-request'],
      [{ table: 'visits', scope: filterScope('Colour = 1'), cursor: null }, 400, 'filter'],
      [{ table: 'products', scope: filterScope('Stock < :n'), cursor: null }, 400, 'filter'],
    ];
    for (const [table, status, code] of cases) {
      const body = { protocol: 1, schema: 1, tables: [table] };
      const answer = await fixture.request('POST', '/sync/download', { body });
      expect(answer).toMatchObject({ status, body: { code } });
    }
  });
});
