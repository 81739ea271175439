import { expect, it } from 'vitest';
import type { Json, JsonObject } from '../../sw/protocol/record.ts';
import {
  asObject,
  command,
  create,
  newId,
  objectsOf,
  onBothDatabases,
  remove,
  update,
  visit,
  asText,
} from './server-fixture.ts';

const types = (outcomes: readonly JsonObject[]): (Json | undefined)[] => outcomes.map((outcome) => outcome['type']);

onBothDatabases('An upload', (fixture) => {
  const settle = async (mutationIds: readonly Json[], fence: boolean, user: 'ana' | 'ben' = 'ana') => {
    const body = { protocol: 1, mutationIds, fence };
    return objectsOf((await fixture.request('POST', '/sync/settle', { user, body })).body, 'outcomes');
  };
  const saved = async (record: JsonObject): Promise<string> => {
    const [outcome] = await fixture.upload([create('visits', record)]);
    expect(outcome).toMatchObject({ type: 'applied' });
    return asText(outcome?.['version']);
  };

  it('S-05 answers what the server made of a record: hooks, computed fields', async () => {
    const record = visit({ reference: `r-${newId()}`, rating: 3, placeId: 'AD-1', total: 99, status: 'closed' });
    const line = { id: newId(), visitId: asText(record['id']), productCode: 1, quantity: 3, price: 0.1 };
    const outcomes = await fixture.upload([create('visits', record), create('lines', line)]);
    expect(types(outcomes)).toEqual(['applied', 'applied']);
    const reference = asText(record['reference']).toUpperCase();
    expect(outcomes[0]).toMatchObject({ key: record['id'], record: { reference, total: 0.3, status: 'open' } });
    expect(outcomes[1]?.['record']).toEqual(line);
  });

  it('U-02 refuses each faulty change alone, and answers in the order of the changes', async () => {
    const good = visit();
    const parent = visit({ note: '' });
    const outcomes = await fixture.upload([
      create('visits', good),
      create('visits', parent),
      create('lines', { id: newId(), visitId: parent['id'] ?? null, productCode: 1, quantity: 1, price: 1 }),
      create('visits', visit({ note: 'has #reject in it' })),
      create('visits', visit({ rating: 0 })),
      create('visits', visit({ placeId: 'ZZ-9' })),
      create('visits', visit({ ['__proto__']: { polluted: true } })),
      create('wishes', { id: 'x' }),
      update('visits', visit(), { fields: ['note'], baseVersion: '1' }),
      command('/api/visits/nowhere/close'),
      create('visits', visit({ id: 'ben-visit-1' })),
      update('visits', visit({ id: 'ben-visit-1' }), { fields: ['note'], baseVersion: '1' }),
      remove('visits', 'ben-visit-1'),
      command('/api/visits/ben-visit-1/close'),
      remove('visits', newId()),
      create('visits', good),
      update('visits', { ...good, note: 'Later in the same upload' }, { fields: ['note'] }),
    ]);
    expect(types(outcomes)).toEqual([
      ...[
        'applied',
        'rejected',
        'dangling',
        'rejected',
        'rejected',
        'dangling',
        'rejected',
        'rejected',
        'gone',
        'gone',
      ],
      ...['forbidden', 'forbidden', 'forbidden', 'forbidden', 'applied', 'conflict', 'applied'],
    ]);
    expect(outcomes[1]).toMatchObject({ code: 'validation', fields: { note: 'is required' } });
    expect(outcomes[2]).toMatchObject({ references: { table: 'visits', key: parent['id'] } });
    expect(outcomes[3]).toMatchObject({ code: 'hook' });
    expect(outcomes[5]).toMatchObject({ references: { table: 'places', key: 'ZZ-9' } });
    expect(outcomes[7]).toMatchObject({ code: 'schema' });
    expect(outcomes[14]).toMatchObject({ record: null, version: null });
    expect(outcomes[16]).toMatchObject({ record: { note: 'Later in the same upload' } });
    expect({}).not.toHaveProperty('polluted');
  });

  it('U-03 answers a repeat with the outcome of then and the record of now, and applies nothing twice', async () => {
    const record = visit();
    const changes = [
      create('visits', record),
      create('visits', visit({ note: '' })),
      update('visits', visit(), { fields: ['note'] }),
    ];
    const first = await fixture.upload(changes);
    await fixture.request('PATCH', `/api/visits/${asText(record['id'])}`, { body: { note: 'Written in between' } });
    const again = await fixture.upload(changes);
    expect(types(again)).toEqual(types(first));
    expect(again[0]).toMatchObject({ record: { note: 'Written in between' } });
    expect(again[0]?.['version']).not.toBe(first[0]?.['version']);
    expect(again.slice(1)).toEqual(first.slice(1));
  });

  it('applies one of several uploads of the same mutation id that arrive together', async () => {
    const line = { id: newId(), visitId: 'ana-visit-3', productCode: 1, quantity: 1, price: 1 };
    const change = create('lines', line);
    const answers = await Promise.all(Array.from({ length: 5 }, () => fixture.upload([change])));
    expect(new Set(answers.map((outcomes) => JSON.stringify(outcomes))).size).toBe(1);
    expect(types(answers.flat())).toEqual(Array.from({ length: 5 }, () => 'applied'));
    expect((await fixture.upload([remove('lines', line.id)], { onConflict: { lines: 'overwrite' } }))[0]).toMatchObject(
      {
        type: 'applied',
      },
    );
  });

  it('refuses a mutation id that was used for something else', async () => {
    const change = create('visits', visit());
    await fixture.upload([change]);
    const [outcome] = await fixture.upload([{ ...remove('products', 1), mutationId: change['mutationId'] ?? null }]);
    expect(outcome).toMatchObject({ type: 'rejected', code: 'validation' });
  });

  it('U-05 reports a conflict with the current record, or writes the named fields over it', async () => {
    const record = visit({ rating: 1 });
    const baseVersion = await saved(record);
    await fixture.request('PATCH', `/api/visits/${asText(record['id'])}`, { body: { rating: 4 } });
    const edited = { ...record, note: 'Mine' };
    const reported = await fixture.upload([update('visits', edited, { fields: ['note'], baseVersion })]);
    expect(reported[0]).toMatchObject({ type: 'conflict', record: { note: 'A visit', rating: 4 } });
    const onConflict = { visits: 'overwrite' };
    const written = await fixture.upload([update('visits', edited, { fields: ['note'], baseVersion })], { onConflict });
    expect(written[0]).toMatchObject({ type: 'applied', record: { note: 'Mine', rating: 4 } });
    const version = asText(written[0]?.['version']);
    const fits = await fixture.upload([update('visits', edited, { fields: ['rating'], baseVersion: version })]);
    expect(fits[0]).toMatchObject({ type: 'applied', record: { note: 'Mine', rating: 1 } });
    const refused = await fixture.upload([remove('visits', asText(record['id']), version)]);
    expect(refused[0]).toMatchObject({ type: 'conflict', record: { rating: 1 } });
    const deleted = await fixture.upload([remove('visits', asText(record['id']), fits[0]?.['version'] ?? null)]);
    expect(deleted[0]).toMatchObject({ type: 'applied', record: null });
    const gone = await fixture.upload([update('visits', edited, { fields: ['note'], baseVersion: version })]);
    expect(gone[0]).toMatchObject({ type: 'gone' });
  });

  it('takes an update without a known base if it changes nothing, else reports a conflict', async () => {
    const record = visit();
    await saved(record);
    const same = await fixture.upload([update('visits', record, { fields: ['note'] })]);
    expect(same[0]).toMatchObject({ type: 'applied' });
    const other = await fixture.upload([update('visits', { ...record, note: 'Other' }, { fields: ['note'] })]);
    expect(other[0]).toMatchObject({ type: 'conflict' });
  });

  it('makes no conflict of a total that only its lines have changed', async () => {
    const record = visit();
    const id = asText(record['id']);
    const baseVersion = await saved(record);
    await fixture.upload([create('lines', { id: newId(), visitId: id, productCode: 2, quantity: 2, price: 4 })]);
    const edited = await fixture.upload([
      update('visits', { ...record, note: 'Edited' }, { fields: ['note'], baseVersion }),
    ]);
    expect(edited[0]).toMatchObject({ type: 'applied', record: { note: 'Edited', total: 8 } });
  });

  it('U-12 applies edit, command, edit of one record in one upload, on the base that all three have', async () => {
    const record = visit();
    const baseVersion = await saved(record);
    const outcomes = await fixture.upload([
      update('visits', { ...record, note: 'One' }, { fields: ['note'], baseVersion }),
      command(`/api/visits/${asText(record['id'])}/close`),
      update('visits', { ...record, note: 'Two' }, { fields: ['note'], baseVersion }),
    ]);
    expect(types(outcomes)).toEqual(['applied', 'applied', 'applied']);
    expect(outcomes[2]).toMatchObject({ record: { note: 'Two', status: 'closed' } });
  });

  it('U-01 frees a unique value before it is taken again, and refuses it while it is taken', async () => {
    const reference = `R-${newId()}`.toUpperCase();
    const first = visit({ reference });
    const baseVersion = await saved(first);
    const second = visit({ reference: reference.toLowerCase() });
    const refused = await fixture.upload([create('visits', second)]);
    expect(refused[0]).toMatchObject({ code: 'validation', fields: { reference: 'is taken by another record' } });
    const swapped = await fixture.upload([
      remove('visits', asText(first['id']), baseVersion),
      create('visits', visit({ reference })),
    ]);
    expect(types(swapped)).toEqual(['applied', 'applied']);
    expect(swapped[1]).toMatchObject({ record: { reference } });
  });

  it('gives a unique value to exactly one of many who want it at once', async () => {
    const reference = `RACE-${newId()}`;
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        fixture.upload([create('visits', visit({ reference, note: `Runner ${index}` })), create('visits', visit())]),
      ),
    );
    expect(answers.filter(([outcome]) => outcome?.['type'] === 'applied')).toHaveLength(1);
    expect(answers.every(([outcome]) => ['applied', 'rejected'].includes(asText(outcome?.['type'])))).toBe(true);
    expect(answers.every(([, outcome]) => outcome?.['type'] === 'applied')).toBe(true);
  });

  it('keeps totals right when several users of one account add lines at once', async () => {
    const record = visit();
    await saved(record);
    const lines = Array.from({ length: 6 }, () => ({
      id: newId(),
      visitId: asText(record['id']),
      productCode: 1,
      quantity: 1,
      price: 2.5,
    }));
    await Promise.all(lines.map((line) => fixture.upload([create('lines', line)])));
    const found = await fixture.request('GET', `/api/visits/${asText(record['id'])}`);
    expect(asObject(found.body)['total']).toBe(15);
  });

  it('deletes lines with their visit, and keeps products and places that are in use', async () => {
    const record = visit({ placeId: 'AD-2' });
    const id = asText(record['id']);
    const line = { id: newId(), visitId: id, productCode: 9, quantity: 1, price: 1 };
    await fixture.upload([create('visits', record), create('lines', line)]);
    const onConflict = { visits: 'overwrite', places: 'overwrite', products: 'overwrite' };
    const refused = await fixture.upload([remove('places', 'AD-2'), remove('products', 9)], { onConflict });
    expect(refused).toMatchObject([
      { type: 'rejected', code: 'validation' },
      { type: 'rejected', code: 'validation' },
    ]);
    const outcomes = await fixture.upload([remove('visits', id), remove('products', 9), remove('places', 'AD-2')], {
      onConflict,
    });
    expect(types(outcomes)).toEqual(['applied', 'applied', 'applied']);
    expect((await fixture.request('GET', `/api/lines/${line.id}`)).status).toBe(404);
  });

  it('settles: stored outcomes, unknown ids, and fences that refuse for ever', async () => {
    const applied = create('visits', visit());
    const rejected = create('visits', visit({ note: '' }));
    await fixture.upload([applied, rejected]);
    const late = create('visits', visit());
    const ids = [applied, rejected, late].map((change) => change['mutationId'] ?? null);
    expect(types(await settle(ids, false))).toEqual(['applied', 'rejected', 'unknown']);
    const fenced = await settle(ids, true);
    expect(types(fenced)).toEqual(['applied', 'rejected', 'fenced']);
    expect(fenced[0]).toMatchObject({ record: { note: 'A visit' } });
    expect(types(await fixture.upload([late]))).toEqual(['fenced']);
    expect((await fixture.request('GET', `/api/visits/${asText(late['key'])}`)).status).toBe(404);
    expect(types(await settle(ids, false, 'ben'))).toEqual(['unknown', 'unknown', 'unknown']);
  });

  it('keeps keys and fields of any characters byte by byte, or refuses them', async () => {
    const keys = ['a/b?c#d', 'ключ', '𝒳 "quoted" \\', '__proto__', 'constructor', ' ', '%', "'; drop table visits; --"];
    for (const key of keys) {
      const id = `${key} ${newId()}`;
      const note = `${key} \u0000 \ud800 \u{1F600}`;
      const [outcome] = await fixture.upload([create('visits', { id, note })]);
      expect(outcome).toMatchObject({ type: 'applied', record: { id, note } });
      const found = await fixture.request('GET', `/api/visits/${encodeURIComponent(id)}`);
      expect(found.body).toMatchObject({ id, note });
    }
    const refused = await fixture.upload(
      ['nul \u0000', 'half \ud83d', 'long'.repeat(1_000)].map((id) => create('visits', { id, note: 'x' })),
    );
    expect(types(refused)).toEqual(['rejected', 'rejected', 'rejected']);
  });

  it('refuses a record that is too large, and takes one just below', async () => {
    const outcomes = await fixture.upload([
      create('visits', visit({ note: 'x'.repeat(1_048_576) })),
      create('visits', visit({ note: 'x'.repeat(1_000_000) })),
    ]);
    expect(outcomes).toMatchObject([{ type: 'rejected', code: 'too-large' }, { type: 'applied' }]);
  });

  it('reads single records as they are now', async () => {
    const record = visit();
    const version = await saved(record);
    const keys = [record['id'] ?? null, newId(), 'ben-visit-1'];
    const tables = [
      { table: 'visits', keys },
      { table: 'products', keys: [2] },
    ];
    const { body } = await fixture.request('POST', '/sync/read', { body: { protocol: 1, tables } });
    const [visits, products] = objectsOf(body, 'tables');
    expect(objectsOf(visits ?? {}, 'records')).toMatchObject([
      { key: keys[0], version, record: { note: 'A visit' } },
      { key: keys[1], record: null, version: null },
      { key: 'ben-visit-1', record: null, version: null },
    ]);
    expect(objectsOf(products ?? {}, 'records')).toMatchObject([{ key: 2, record: { Name: 'Pepsi Cola' } }]);
  });

  it('F-01 keeps the failures that clients tell of, each once', async () => {
    const failure = {
      ...{ id: newId(), table: 'visits', key: 'v', operation: 'update', content: { note: '\u0000' }, base: null },
      ...{ code: 'gone', message: 'Gone', user: 'ana', device: 'd', run: 'r', at: 1 },
    };
    for (let time = 0; time < 2; time += 1) {
      const body = { protocol: 1, failures: [failure] };
      expect((await fixture.request('POST', '/sync/failures', { body })).status).toBe(204);
    }
    expect((await fixture.request('GET', '/sync/failures')).body).toEqual([failure]);
    expect((await fixture.request('GET', '/sync/failures', { user: 'ben' })).body).toEqual([]);
  });

  it('answers what is no upload with a problem', async () => {
    const upload = { protocol: 1, schema: 1, device: 'd', run: 'r', onConflict: {}, changes: [] };
    const bodies: [Json, string][] = [
      [{ ...upload, protocol: 2 }, 'protocol-version'],
      [[], 'invalid-request'],
      [{ ...upload, changes: {} }, 'invalid-request'],
      [{ ...upload, changes: [{ ...create('visits', visit()), mutationId: '1' }] }, 'invalid-request'],
      [{ ...upload, changes: [{ ...create('visits', visit()), type: 'upsert' }] }, 'invalid-request'],
      [{ ...upload, onConflict: { visits: 'win' } }, 'invalid-request'],
    ];
    for (const [body, code] of bodies) {
      expect(await fixture.request('POST', '/sync/upload', { body })).toMatchObject({ status: 400, body: { code } });
    }
  });
});
