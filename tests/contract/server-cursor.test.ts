import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Fixture } from './server-fixture.ts';

describe('A cursor on PostgreSQL', () => {
  const fixture = new Fixture('postgresql');
  beforeAll(() => fixture.start());
  afterAll(() => fixture.stop());

  it('never passes a row that was numbered early and committed late', async () => {
    const early = await fixture.connect();
    const text = JSON.stringify({ Code: 900, Name: 'Early', Stock: 1 });
    await early.query('begin');
    await early.query(
      `insert into products ("Code", "Name", "Stock", _owner, _version, _edited, _xact, _text)
       select 900, 'Early', 1, '', v, v, pg_current_xact_id(), $1 from nextval('sync_version') as v`,
      [text],
    );
    // A later transaction takes a higher number and commits first; a client downloads in between.
    await fixture.request('PUT', '/api/products/901', { body: { Name: 'Late', Stock: 2 } });
    const between = await fixture.downloadTable('products');
    expect(between.records.map((record) => record['Code'])).toContain(901);
    expect(between.records.map((record) => record['Code'])).not.toContain(900);
    const still = await fixture.downloadTable('products', { cursor: between.cursor });
    expect(still.full).toBe(false);
    await early.query('commit');
    await early.end();
    const after = await fixture.downloadTable('products', { cursor: still.cursor });
    expect(after.full).toBe(false);
    expect(after.records.map((record) => record['Code'])).toContain(900);
    expect(after.count).toBe(between.count + 1);
  });

  it('never passes a removal that was numbered early and committed late', async () => {
    await fixture.request('PUT', '/api/products/902', { body: { Name: 'Doomed', Stock: 1 } });
    const early = await fixture.connect();
    await early.query('begin');
    await early.query('delete from products where "Code" = 902');
    await early.query(
      `insert into sync_tombstones (table_name, record_key, audience, _xact)
       values ('products', '902', '', pg_current_xact_id())`,
    );
    const before = await fixture.downloadTable('products');
    expect(before.records.map((record) => record['Code'])).toContain(902);
    await early.query('commit');
    await early.end();
    const after = await fixture.downloadTable('products', { cursor: before.cursor });
    expect(after.removals).toEqual([902]);
  });

  it('makes a retry wait for the first attempt, and answers it with that one’s outcome', async () => {
    const first = await fixture.connect();
    await first.query('begin');
    await first.query(
      `insert into sync_ledger (user_name, mutation_id, operation, table_name, record_key)
       values ('ana', 'waiting-mutation', 'save', 'products', '2')`,
    );
    const retry = fixture.upload([
      {
        type: 'update',
        mutationId: 'waiting-mutation',
        table: 'products',
        key: 2,
        record: { Stock: 1 },
        fields: ['Stock'],
        baseVersion: null,
      },
    ]);
    const isWaiting = async (): Promise<boolean> => {
      const { rowCount } = await first.query('select 1 from pg_locks where not granted');
      return (rowCount ?? 0) > 0;
    };
    await expect.poll(isWaiting).toBe(true);
    await first.query('commit');
    await first.end();
    const [outcome] = await retry;
    expect(outcome).toMatchObject({ type: 'applied', record: { Name: 'Pepsi Cola', Stock: 200 } });
  });
});
