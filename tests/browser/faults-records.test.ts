import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { textOf } from '../../demo/server/database/database.ts';
import { maintain } from '../../demo/server/maintenance.ts';
import { demoTables } from '../../demo/server/schema/demo-tables.ts';
import { parseRecord } from '../../demo/server/schema/record-text.ts';
import { Catalog } from '../../demo/server/schema/table-definition.ts';
import { isJsonObject, type Json, type JsonObject } from '../../sw/protocol/record.ts';
import type { Passage } from '../support/faults/passage.ts';
import { firstOf, loseAnswer, on, onNth, refuseWith, untilReleased } from '../support/faults/plans.ts';
import { stopWorkers } from './fixture.ts';
import { setClock } from './judged/clock.ts';
import { cursorOf, setCursor } from './judged/cursor.ts';
import { hearDownloads } from './judged/hear-downloads.ts';
import { JudgedStand } from './judged/stand.ts';
import { serverTables } from './sweep/apps.ts';
import type { SweptDevice } from './sweep/device.ts';

const stand = new JudgedStand();
beforeAll(() => stand.start());
afterAll(() => stand.stop());
beforeEach(() => stand.begin());

const patience = { timeout: 30_000, interval: 20 };

/** Makes notes on the device, and gives their keys. */
async function makeNotes(device: SweptDevice, names: readonly string[]): Promise<readonly string[]> {
  const keys = names.map((name) => device.key(name));
  for (const key of keys) await device.write('POST', 'notes', key, ['a', 'b']);
  return keys;
}

/** Does some work and a run; whether the first download since its begin was a full one. */
async function isFullOver(device: SweptDevice, work: () => Promise<void>): Promise<boolean | undefined> {
  const seen: boolean[] = [];
  stand.fault = hearDownloads(stand.server.url, (text) => {
    for (const [, full] of text.matchAll(/"type":"table","table":"notes","full":(true|false)/g))
      seen.push(full === 'true');
  });
  await work();
  expect(await device.run()).toBe('finished');
  return seen[0];
}

/** What an upload says of a record; nothing if it is not in it. */
function sentOf(body: string, key: string): readonly JsonObject[] {
  const upload: unknown = JSON.parse(body);
  const changes: Json | undefined = isJsonObject(upload) ? upload['changes'] : undefined;
  return Array.isArray(changes) ? changes.filter(isJsonObject).filter((change) => change['key'] === key) : [];
}

type How = 'edited' | 'deleted' | 'edited and deleted';

/** Writes a note, and again while the server has applied the first write and not yet answered; the second answer is lost. */
async function inFlight(
  here: SweptDevice,
  { key, method, how }: { readonly key: string; readonly method: 'PATCH' | 'POST'; readonly how: How },
): Promise<void> {
  const sent: JsonObject[] = [];
  const noted = async (passage: Passage): Promise<void> => {
    sent.push(...sentOf(await passage.body(), key));
  };
  let answerIt: (() => void) | null = null;
  stand.fault = firstOf(
    onNth('/sync/upload', 1, async (passage) => {
      await noted(passage);
      const answer = await passage.forward();
      answerIt = () => answer.pass();
    }),
    onNth('/sync/upload', 1, async (passage) => {
      await noted(passage);
      await loseAnswer(passage);
    }),
    on('/sync/upload', async (passage) => {
      await noted(passage);
      (await passage.forward()).pass();
    }),
  );
  await here.write(method, 'notes', key, ['a', 'b']);
  void here.run({ mode: 'unsynchronized' });
  const answer = await vi.waitUntil(() => answerIt, patience);
  if (how !== 'deleted') await here.write('PATCH', 'notes', key, ['a']);
  if (how !== 'edited') await here.write('DELETE', 'notes', key, null);
  answer();
  await expect.poll(() => here.run({ mode: 'unsynchronized' }), patience).toBe('finished');
  const [first, second, ...again] = sent;
  const [begun, ended] = [method === 'POST' ? 'create' : 'update', how === 'edited' ? 'update' : 'delete'];
  expect([first?.['type'], second?.['type']]).toEqual([begun, ended]);
  // On what the server made of the first one.
  expect(second?.['baseVersion']).toEqual(expect.any(String));
  expect(second?.['baseVersion']).not.toBe(first?.['baseVersion']);
  expect(again.length).toBeGreaterThan(0);
  for (const each of again) expect(each).toEqual(second);
  const effects = (await stand.effects()).filter((effect) => effect.key === key);
  expect(effects.slice(-2).map(({ type }) => type)).toEqual([begun, ended]);
}

describe('a write', () => {
  it('before, during and after the switch of a download: the local value is kept', async () => {
    const here = await stand.readyDevice();
    const other = await stand.readyDevice();
    const keys = await makeNotes(here, ['before', 'during', 'staged', 'after']);
    const [before = '', during = '', staged = '', after = ''] = keys;
    expect(await here.run()).toBe('finished');
    expect(await other.run()).toBe('finished');
    for (const key of keys) await other.write('PATCH', 'notes', key, ['a']);
    expect(await other.run()).toBe('finished');

    const written = new Map<string, unknown>();
    const write = async (key: string): Promise<void> => {
      await here.write('PATCH', 'notes', key, ['a']);
      written.set(key, (await here.read('notes', key))?.['a']);
    };
    const { fault, release } = untilReleased();
    let isReached = false;
    stand.fault = on('/sync/download', (passage) => {
      isReached = true;
      return fault(passage);
    });
    await write(before);
    // In full, so that all of it is staged and switched.
    const run = { isEnded: false };
    const running = here.run({ full: true }).finally(() => {
      run.isEnded = true;
    });
    await expect.poll(() => isReached, patience).toBe(true);
    await write(during);
    release();
    let writes = 0;
    while (!run.isEnded) {
      await write(staged);
      writes += 1;
    }
    expect(await running).toBe('finished');
    expect(writes).toBeGreaterThan(0);
    await write(after);
    for (const key of keys) expect((await here.read('notes', key))?.['a']).toBe(written.get(key));
    await stand.holds();
    for (const key of keys) expect((await other.read('notes', key))?.['a']).toBe(written.get(key));
  });

  it('edited, deleted, edited and deleted while it is in flight: the second effect is sent, rebased', async () => {
    const here = await stand.readyDevice();
    for (const how of ['edited', 'deleted', 'edited and deleted'] as const) {
      const [known = ''] = await makeNotes(here, [`known ${how}`]);
      expect(await here.run()).toBe('finished');
      await inFlight(here, { key: known, method: 'PATCH', how });
      await inFlight(here, { key: here.key(`made ${how}`), method: 'POST', how });
    }
    await stand.holds();
  });
});

describe('a record', () => {
  it('made, synchronized, deleted, the answer lost, synchronized: stays deleted', async () => {
    const here = await stand.readyDevice();
    const other = await stand.readyDevice();
    const [key = ''] = await makeNotes(here, ['1']);
    expect(await here.run()).toBe('finished');
    expect(await other.run()).toBe('finished');
    let isLost = false;
    stand.fault = onNth('/sync/upload', 1, async (passage) => {
      await loseAnswer(passage);
      isLost = true;
    });
    await here.write('DELETE', 'notes', key, null);
    await expect.poll(() => here.run({ mode: 'unsynchronized' }), patience).toBe('finished');
    expect(isLost).toBe(true);
    expect(await here.read('notes', key)).toBeNull();
    expect(await other.run()).toBe('finished');
    expect(await other.read('notes', key)).toBeNull();
    await stand.holds();
    expect((await here.there('notes')).size).toBe(0);
    expect((await stand.effects()).map(({ type }) => type)).toEqual(['create', 'delete']);
  });

  it('made and deleted between two downloads, in one answer: stays deleted, also where it is named twice', async () => {
    const here = await stand.readyDevice();
    const other = await stand.readyDevice();
    const keys = await makeNotes(here, ['gone', 'again']);
    const [gone = '', again = ''] = keys;
    expect(await here.run({ mode: 'unsynchronized' })).toBe('finished');
    for (const key of keys) await here.write('DELETE', 'notes', key, null);
    expect(await here.run({ mode: 'unsynchronized' })).toBe('finished');
    await here.write('PUT', 'notes', again, ['a']);
    expect(await here.run({ mode: 'unsynchronized' })).toBe('finished');
    expect(await other.run()).toBe('finished');
    expect(await other.read('notes', gone)).toBeNull();
    expect(await other.read('notes', again)).toMatchObject({ id: again });
    await stand.holds();
    expect([...(await here.there('notes')).keys()]).toEqual([again]);
  });

  it('deleted while the client was older than the tombstones: full download, changes kept', async () => {
    const here = await stand.readyDevice();
    const [gone = '', edited = '', ...others] = await makeNotes(here, ['1', '2', '3', '4']);
    expect(await here.run()).toBe('finished');
    await here.elsewhere('DELETE', 'notes', gone);
    const { database } = stand.server;
    await database.query(`update sync_tombstones set at = now() - interval '91 days'`);
    await maintain(database, new Catalog([...demoTables, ...serverTables]));
    const full = await isFullOver(here, async () => {
      await here.write('PATCH', 'notes', edited, ['a']);
      await makeNotes(here, ['5']);
    });
    expect(full).toBe(true);
    expect(await here.read('notes', gone)).toBeNull();
    for (const key of others) expect(await here.read('notes', key)).toMatchObject({ id: key });
    await stand.holds();
    expect((await here.there('notes')).size).toBe(4);
  });

  it('under a cursor that is lost, garbled, of the future or another user’s comes by a full download, changes kept', async () => {
    const here = await stand.readyDevice();
    const stranger = await stand.strangersDevice();
    const cursors: Readonly<Record<string, (own: string) => string | null>> = {
      lost: () => null,
      garbled: () => '%%% no cursor at all',
      'of the future': (own) => own.replaceAll(/\d/g, '9'),
      'another user’s': await cursorOf(stranger, 'notes').then((theirs) => () => theirs),
    };
    for (const [which, cursor] of Object.entries(cursors)) {
      const [gone = '', edited = ''] = await makeNotes(here, [`gone ${which}`, `edited ${which}`]);
      expect(await here.run()).toBe('finished');
      const own = (await cursorOf(here, 'notes')) ?? '';
      expect(cursor(own)).not.toBe(own);
      await here.elsewhere('DELETE', 'notes', gone);
      const full = await isFullOver(here, async () => {
        await setCursor(here, 'notes', cursor(own));
        await stopWorkers(here.page);
        await here.write('PATCH', 'notes', edited, ['a']);
      });
      expect(full, which).toBe(true);
      expect(await here.read('notes', gone)).toBeNull();
    }
    await stand.holds();
    expect((await here.there('notes')).size).toBe(4);
  });
});

const yearMs = 365 * 24 * 3_600_000;

describe('a clock that is off by a year', () => {
  it('and goes back in mid-run leaves order and cursor as they are', async () => {
    const [early, late] = [await stand.device(), await stand.device()];
    const off = new Map([
      [early, -yearMs],
      [late, yearMs],
    ]);
    for (const [device, offMs] of off) {
      await setClock(device, offMs);
      await device.signIn();
      await device.ready();
    }
    const [key = ''] = await makeNotes(early, ['1']);
    expect(await early.run()).toBe('finished');
    expect(await late.run()).toBe('finished');
    const startedAt = 'history({ limit: 1 }).then(([last]) => last.startedAt)';
    expect(Number((await early.call(startedAt)).value)).toBeLessThan(Date.now() - 0.9 * yearMs);
    expect(Number((await late.call(startedAt)).value)).toBeGreaterThan(Date.now() + 0.9 * yearMs);

    let moves = 0;
    for (let round = 0; round < 4; round += 1) {
      await late.write('PATCH', 'notes', key, ['a']);
      await early.write('PATCH', 'notes', key, ['a']);
      for (const device of [late, early]) {
        stand.fault = on(['/sync/upload', '/sync/download'], async (passage) => {
          moves += 1;
          const before = off.get(device) ?? 0;
          off.set(device, device === early ? before - 3_600_000 : -before);
          await setClock(device, off.get(device) ?? 0);
          (await passage.forward()).pass();
        });
        expect(await device.run()).toBe('finished');
      }
      await early.read('notes', key);
      await late.read('notes', key);
    }
    expect(moves).toBeGreaterThan(8);
    expect(await late.run()).toBe('finished');
    expect(await late.read('notes', key)).toEqual(await early.read('notes', key));
    await stand.holds();
  });
});

/** The message of the error with which a run ends. */
const failing = "synchronize({ onBusy: 'queue' }).then(() => '', ({ message }) => message)";

describe('another shape on the server', () => {
  it('with fields added, removed and renamed: edits keep to their fields, and nothing is dropped', async () => {
    const here = await stand.readyDevice();
    const [key = ''] = await makeNotes(here, ['1']);
    expect(await here.run()).toBe('finished');
    const { database } = stand.server;
    const reshape = async (change: (record: JsonObject) => JsonObject): Promise<void> => {
      const [row] = await database.query('select _text from notes where id = $1', [key]);
      const text = JSON.stringify(change(parseRecord(textOf(row, '_text'))));
      await database.query(
        `update notes set _text = $2, _version = nextval('sync_version'), _edited = _version, _xact = pg_current_xact_id() where id = $1`,
        [key, text],
      );
    };
    const sent: JsonObject[] = [];
    stand.fault = on('/sync/upload', async (passage) => {
      sent.push(...sentOf(await passage.body(), key));
      (await passage.forward()).pass();
    });
    await reshape((record) => ({ ...record, kind: 'added' }));
    expect(await here.run()).toBe('finished');
    expect(await here.read('notes', key)).toMatchObject({ kind: 'added' });
    await here.write('PATCH', 'notes', key, ['a']);
    expect(await here.run()).toBe('finished');
    expect((await here.there('notes')).get(key)).toMatchObject({ kind: 'added' });
    // As a newer server would that has taken the one for the other.
    await reshape(({ kind, ...record }) => ({ ...record, rating: kind === 'added' ? 5 : 0 }));
    await here.write('PATCH', 'notes', key, ['b']);
    expect(await here.run()).toBe('finished');
    // What an older app knows nothing of is not sent back to undo it.
    expect(sent.map(({ fields }) => fields)).toEqual(expect.arrayContaining([['a'], ['b']]));
    for (const { fields } of sent) expect(fields).toHaveLength(1);
    for (const record of [await here.read('notes', key), (await here.there('notes')).get(key)]) {
      expect(record).toMatchObject({ rating: 5 });
      expect(record?.['kind'] ?? null).toBeNull();
    }
    await stand.holds();
  });

  it('without a field that is written here: that change is parked with the field’s name, the others go on', async () => {
    const here = await stand.readyDevice();
    await makeNotes(here, ['1', '2']);
    const key = here.key('3');
    await here.write('PUT', 'notes', key, ['a'], { gone: 1 });
    // The write has begun a run of its own, which may have been told of it already.
    expect(await here.run()).toMatch(/partial|finished/);
    const { value } = await here.call('failures()');
    expect(value).toMatchObject([{ key, code: 'validation', content: { gone: 1 } }]);
    expect(JSON.stringify(value)).toMatch(/message":"[^"]*gone/);
    expect((await here.there('notes')).size).toBe(2);
    expect(await here.read('notes', key)).toMatchObject({ gone: 1 });
    await stand.holds();
  });

  it('without a table: its changes are parked, not dropped, the others are sent, and the version error says what to do', async () => {
    const here = await stand.device('?gadgets');
    await here.signIn();
    await makeNotes(here, ['1', '2']);
    expect(await here.fetch('POST', '/api/gadgets', { id: 'g1', name: 'x' })).toBe(201);
    expect((await here.call(failing)).value).toMatch(/gadgets.*Update the app or the server/);
    expect((await here.there('notes')).size).toBe(2);
    expect((await stand.effects()).map(({ type }) => type)).toEqual(['create', 'create']);
    expect((await here.call('failures()')).value).toMatchObject([
      { table: 'gadgets', key: 'g1', content: { name: 'x' } },
    ]);
    expect(await here.page.evaluate("fetch('/api/gadgets/g1').then((answer) => answer.json())")).toMatchObject({
      name: 'x',
    });
  });

  it('that no longer speaks to an older client: the version error says what to do, and everything is kept', async () => {
    const here = await stand.readyDevice();
    stand.fault = on(['/sync/upload', '/sync/download'], refuseWith(400, {}, 'protocol-version'));
    await makeNotes(here, ['1', '2']);
    expect((await here.call(failing)).value).toMatch(/Update the app or the server/);
    expect((await here.call('state().then(({ pending, failures }) => [pending, failures])')).value).toEqual([2, 0]);
    await stand.holds();
    expect((await here.there('notes')).size).toBe(2);
  });
});
