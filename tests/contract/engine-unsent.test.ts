import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Reply } from '../../sw/protocol/api.ts';
import { isJsonObject, type JsonObject } from '../../sw/protocol/record.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { readState } from '../../sw/sync/state.ts';
import { createWorkerMethods, type SessionMethods } from '../../sw/sync/worker-methods.ts';
import { Device, see, write } from './engine-fixture.ts';
import { asJson, asObject, Fixture } from './server-fixture.ts';

const fixture = new Fixture('embedded');
beforeAll(() => fixture.start());
afterAll(() => fixture.stop());

interface Place {
  readonly device: Device;
  readonly session: OpenSession;
  readonly page: SessionMethods;
}

/** Another device of the same app. */
async function openPlace(): Promise<Place> {
  const device = new Device(fixture);
  const worker = device.startWorker();
  const session = await worker.signIn('ana');
  return { device, session, page: createWorkerMethods(worker.sessions, session.schema, () => randomUUID()) };
}

function value<T>(answer: Reply<T>): T {
  if (!answer.ok) throw new Error(`${answer.error.code}: ${answer.error.message}`);
  return answer.value;
}

function visit(id: string, more: Record<string, string | number> = {}): Record<string, string | number> {
  return { id, date: '2026-03-01', note: 'a note', ...more };
}

/** As if the file came from the device of the other. */
async function carry(from: Place, to: Place, change: (file: JsonObject) => object = (file) => file): Promise<string> {
  const own: unknown = JSON.parse(value(await from.page.exportUnsent()));
  const theirs: unknown = JSON.parse(value(await to.page.exportUnsent()));
  if (!isJsonObject(own) || !isJsonObject(theirs)) throw new Error('no file');
  return JSON.stringify(change({ ...own, app: theirs['app'] ?? null }));
}

async function snapshot(session: OpenSession): Promise<string> {
  const stores = ['changes', 'commands', 'drafts', 'failures', 'marks', 'imported'] as const;
  const rows = await session.database.read([...stores], (tx) =>
    Promise.all(stores.map((store) => tx.objectStore(store).getAll())),
  );
  return JSON.stringify(rows);
}

describe('unsent work in a file', () => {
  it('goes to another device: changes in their order, drafts, held changes, failures (A-06)', async () => {
    const one = await openPlace();
    const [made, bad, held] = [randomUUID(), randomUUID(), randomUUID()];
    await write(one.session, 'visits', bad, visit(bad, { rating: 9 }));
    await one.session.engine.synchronize('call', { mode: 'unsynchronized' });
    await write(one.session, 'visits', made, visit(made));
    await write(one.session, 'lines', `line-${made}`, {
      id: `line-${made}`,
      visitId: made,
      productCode: 1,
      quantity: 1,
      price: 1,
    });
    await write(one.session, 'visits', held, visit(held));
    value(await one.page.setStatus('visits', 0, `id = "${held}"`, {}));
    value(await one.page.draft('visits', { note: 'a draft' }));
    const two = await openPlace();
    const text = await carry(one, two);
    expect(value(await two.page.importUnsent(text))).toEqual({
      changes: 4,
      commands: 0,
      drafts: 1,
      failures: 1,
      skipped: 0,
    });
    expect((await see(two.session, 'visits', made)).detail).toBe('pending');
    expect((await see(two.session, 'visits', held)).detail).toBe('held');
    expect((await see(two.session, 'visits', bad)).detail).toBe('rejected');
    expect(value(await two.page.failures({}))).toMatchObject([{ key: bad, code: 'validation', retriable: true }]);
    expect(value(await two.page.drafts('visits'))).toMatchObject([{ record: { note: 'a draft' } }]);
    const result = await two.session.engine.synchronize('call', { mode: 'unsynchronized' });
    expect(result).toMatchObject({ uploaded: 2, failed: 0 });
    expect((await fixture.fetch(`/api/lines/line-${made}`)).status).toBe(200);
  });

  it('is doubled by no second import, not even after it was sent', async () => {
    const one = await openPlace();
    const id = randomUUID();
    await write(one.session, 'visits', id, visit(id));
    value(await one.page.draft('visits', { note: 'a draft' }));
    const two = await openPlace();
    const text = await carry(one, two);
    value(await two.page.importUnsent(text));
    const before = await snapshot(two.session);
    expect(value(await two.page.importUnsent(text))).toMatchObject({ changes: 0, drafts: 0, skipped: 2 });
    expect(await snapshot(two.session)).toBe(before);
    await two.session.engine.synchronize('call', {});
    expect(value(await two.page.importUnsent(text))).toMatchObject({ changes: 0, drafts: 0, skipped: 2 });
    expect(await readState(two.session)).toMatchObject({ pending: 0 });
    expect(value(await one.page.importUnsent(await carry(one, one)))).toMatchObject({ changes: 0, skipped: 2 });
    expect(await readState(one.session)).toMatchObject({ pending: 1 });
  });

  it('has no second effect where the original was sent, though the record was edited on top of it (ledger)', async () => {
    const one = await openPlace();
    const two = await openPlace();
    const id = randomUUID();
    await write(one.session, 'visits', id, visit(id, { note: 'original' }));
    const text = await carry(one, two);
    await one.session.engine.synchronize('call', {});
    await write(one.session, 'visits', id, { ...(await see(one.session, 'visits', id)).record, note: 'newer' });
    await one.session.engine.synchronize('again', {});
    value(await two.page.importUnsent(text));
    await write(two.session, 'visits', id, visit(id, { note: 'original', rating: 3 }));
    expect(await two.session.engine.synchronize('call', {})).toMatchObject({ failed: 0 });
    expect(await (await fixture.fetch(`/api/visits/${id}`)).json()).toMatchObject({ note: 'newer', rating: 3 });
  });

  it('does not replace other work on the same record: the imported content is kept as a failure', async () => {
    const one = await openPlace();
    const two = await openPlace();
    const id = randomUUID();
    await write(one.session, 'visits', id, visit(id, { note: 'theirs' }));
    await write(two.session, 'visits', id, visit(id, { note: 'mine' }));
    expect(value(await two.page.importUnsent(await carry(one, two)))).toMatchObject({ changes: 0, failures: 1 });
    expect((await see(two.session, 'visits', id)).record).toMatchObject({ note: 'mine' });
    expect(value(await two.page.failures({}))).toMatchObject([{ code: 'superseded', content: { note: 'theirs' } }]);
  });

  it.each([
    ['nothing', () => 'nothing at all', 'invalid-file'],
    ['another format', (file: JsonObject) => ({ ...file, format: 'other' }), 'invalid-file'],
    ['another app', (file: JsonObject) => ({ ...file, app: 'other' }), 'invalid-file'],
    ['another user', (file: JsonObject) => ({ ...file, user: 'ben' }), 'user-mismatch'],
    ['a newer version', (file: JsonObject) => ({ ...file, version: 2 }), 'protocol-version'],
    ['a newer schema', (file: JsonObject) => ({ ...file, schema: 2 }), 'protocol-version'],
    ['a damaged change', (file: JsonObject) => ({ ...file, changes: [{ table: 'visits' }] }), 'invalid-file'],
    ['no drafts', (file: JsonObject) => ({ ...file, drafts: null }), 'invalid-file'],
  ])('is refused, with nothing changed, if it has %s', async (_what, change, code) => {
    const one = await openPlace();
    const two = await openPlace();
    const id = randomUUID();
    await write(one.session, 'visits', id, visit(id));
    const changed = change(asObject(asJson(await carry(one, two))));
    const text = typeof changed === 'string' ? changed : JSON.stringify(changed);
    const before = await snapshot(two.session);
    expect(await two.page.importUnsent(text)).toMatchObject({ ok: false, error: { code } });
    expect(await snapshot(two.session)).toBe(before);
  });
});
