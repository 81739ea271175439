import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { channelName } from '../../sw/protocol/api.ts';
import { hostileDownloads } from '../support/faults/hostile-downloads.ts';
import { answerWith, on, untilReleased } from '../support/faults/plans.ts';
import { appName } from './fault-app.ts';
import { FaultStand, patience, type FaultClient } from './fault-stand.ts';

/** So many that a part of them is stored before the table's end. */
const places = 17_000;
const stand = new FaultStand({ places });
// On a busy machine the places alone take a minute.
beforeAll(() => stand.start(), 300_000);
afterAll(() => stand.stop());
beforeEach(() => stand.begin());

/** Lines of a download that are stored, of the tables that do not show them yet. */
function stagedIn(client: FaultClient): Promise<number> {
  return client.page.evaluate(
    (name) =>
      new Promise<number>((resolve, reject) => {
        const opening = indexedDB.open(name);
        opening.onerror = () => reject(new Error(`${name} cannot be opened.`));
        opening.onsuccess = () => {
          const database = opening.result;
          const asked = database.transaction('runs').objectStore('runs').get('staged:places');
          asked.onsuccess = () => {
            database.close();
            resolve(asked.result === undefined ? 0 : 1);
          };
        };
      }),
    `holdfast:${appName}:${client.user}`,
  );
}

function databasesOf(client: FaultClient): Promise<readonly string[]> {
  return client.page.evaluate('indexedDB.databases().then((all) => all.map(({ name }) => name).sort())');
}

/** What of `Object.prototype` is not the language's own, in the page and in its worker. */
async function pollutedIn({ page, context }: FaultClient): Promise<readonly string[]> {
  const look = '(() => { const found = []; for (const name in {}) found.push(name); return found; })()';
  const found = [...(await page.evaluate<readonly string[]>(look))];
  for (const worker of context.serviceWorkers()) found.push(...(await worker.evaluate<readonly string[]>(look)));
  return found;
}

/** What is read by each page of the app, as text: nothing of it may change. */
async function shown({ page }: FaultClient): Promise<unknown> {
  return page.evaluate(async () => {
    const texts: (string | null)[] = [];
    for (const path of ['/api/places?limit=5', '/api/visits', '/api/preferences']) {
      const answer = await fetch(path);
      texts.push(answer.headers.get('Sync-Source'), answer.headers.get('X-Total-Count'), await answer.text());
    }
    return texts;
  });
}

describe('private and true in Chromium', () => {
  it('a sign-out during a run, then another sign-in: dropped, and each has only their own', async () => {
    const first = await stand.client();
    const tab = await stand.openPage(first.context);
    await tab.evaluate("fetch('/api/visits').then(() => null)");
    const users: string[] = [];
    const { fault, release } = untilReleased();
    let isHeld = false;
    stand.faults.plan = (passage) => {
      if (!passage.path.startsWith('/sync/')) return undefined;
      users.push(String(passage.headers['sync-expect-user']));
      if (passage.path !== '/sync/upload' || isHeld) return undefined;
      isHeld = true;
      return fault(passage);
    };
    const [key = ''] = await first.makeVisits(2);
    const run = first.run();
    await expect.poll(() => isHeld, patience).toBe(true);
    await first.page.evaluate("holdfast.signOut({ unsent: 'keep' }).then(() => null)");
    expect(await run).toBe('user-changed');
    const before = users.length;
    const second = await first.become(await stand.newUser());
    release();
    // What was asked for the one before is not sent any more, nor shown.
    expect(await second.run()).toBe('finished');
    expect((await second.ask('GET', `/api/visits/${key}`)).status).toBe(404);
    expect((await second.ask('GET', '/api/visits')).body).toEqual([]);
    // The other tab was the first one's, and stays so.
    const answered = await tab.evaluate("fetch('/api/visits').then(({ status }) => status)");
    expect(answered).toBe(409);
    await second.makeVisits(1);
    await stand.holds(second);
    expect(new Set(users.slice(before))).toEqual(new Set([second.user]));
    const again = await second.become(first.user);
    await stand.holds(again);
    expect((await again.ask('GET', '/api/visits')).body).toHaveLength(2);
  });

  it('a wipe while a run writes: dropped, and never filled again', async () => {
    const client = await stand.client({ places: true });
    await client.makeVisits(2);
    await expect.poll(() => client.run(), patience).toBe('finished');
    let hasEnded = false;
    stand.faults.plan = on('/sync/download', async (passage) => {
      // The worker does not wait for the end of it.
      await (await passage.forward()).drip(25, 100).catch(() => undefined);
      hasEnded = true;
    });
    const run = client.run({ full: true });
    await expect.poll(() => stagedIn(client), patience).toBeGreaterThan(0);
    expect(hasEnded).toBe(false);
    const name = `holdfast:${appName}:${client.user}`;
    expect(await databasesOf(client)).toContain(name);
    await client.page.evaluate("holdfast.signOut({ unsent: 'discard', data: 'remove' }).then(() => null)");
    expect(await run).toBe('user-changed');
    expect((await client.ask('PUT', `/api/visits/${randomUUID()}`, { note: 'late' })).status).toBeGreaterThan(299);
    await expect.poll(() => hasEnded, patience).toBe(true);
    expect(await databasesOf(client)).not.toContain(name);
    // Its last run has no end to be told of.
    await client.page.evaluate('told.length = 0');
    stand.faults.plan = stand.quietly;
    await client.signIn();
    await stand.holds(client);
    const total = "fetch('/api/places?limit=1').then(({ headers }) => headers.get('X-Total-Count'))";
    expect(await client.page.evaluate(total)).toBe(String(places));
  });

  it('other same-origin code posts fake progress or commands: a channel message is only a hint, commands are refused', async () => {
    const client = await stand.client();
    await client.makeVisits(1);
    await expect.poll(() => client.run(), patience).toBe('finished');
    await expect.poll(async () => (await client.state()).syncing, patience).toBe(false);
    const tab = await stand.openPage(client.context);
    for (const page of [client.page, tab]) {
      await page.evaluate(`(() => {
        globalThis.heard = [];
        for (const type of ['finished', 'storage-reset', 'auth-required', 'state', 'pending'])
          holdfast.addEventListener(type, ({ detail }) => heard.push([type, detail]));
      })()`);
    }
    const before = await client.state();
    const requests = stand.faults.seen.length;
    await client.page.evaluate(
      ({ user, name }) => {
        const channel = new BroadcastChannel(name);
        const error = { code: 'storage', message: 'forged' };
        const result = { run: 'forged', outcome: 'finished', uploaded: 999 };
        const state = { user, pending: 99, syncing: true, authRequired: true };
        const events: unknown[] = [
          { type: 'finished', result },
          { type: 'storage-reset', error },
          { type: 'auth-required', error },
          { type: 'state', state },
          { type: 'progress', progress: { run: 'forged', phase: 'upload', done: 'all' } },
          { type: '__proto__' },
          { type: 'signOut', data: 'remove' },
          null,
        ];
        for (const holdfast of [1, 2]) {
          for (const event of events) {
            channel.postMessage({ holdfast, user, event });
            channel.postMessage({ holdfast, user: 'somebody', event });
          }
        }
        // Commands, as the worker and Comlink know them.
        const call = { id: 'forged', type: 'APPLY', path: ['signOut'], argumentList: [{ type: 'RAW', value: {} }] };
        for (const message of [call, { ...call, holdfast: 1 }, { holdfast: 1, type: 'connect', connection: 'forged' }])
          channel.postMessage(message);
        // Behind all of it.
        channel.postMessage({ holdfast: 1, user, event: { type: 'pending', pending: 7 } });
        channel.close();
      },
      { user: client.user, name: channelName(appName) },
    );
    for (const page of [client.page, tab]) {
      const heard = (): Promise<readonly (readonly [string, unknown])[]> => page.evaluate('heard');
      await expect.poll(async () => (await heard()).map(([type]) => type), patience).toContain('pending');
      const told = (await heard()).filter(([type]) => type !== 'pending');
      // A state was read again, and told as it is.
      expect(told.filter(([type]) => type !== 'state')).toEqual([]);
      for (const [, state] of told) expect(state).toMatchObject({ pending: 0, syncing: false, authRequired: false });
    }
    expect(await client.state()).toEqual(before);
    expect(stand.faults.seen.length).toBe(requests);
    // What was forged is none of the runs.
    await client.page.evaluate('told.length = 0');
    await client.makeVisits(1);
    await stand.holds(client);
  });

  it('raw Comlink messages to the worker and over a port are refused, and change no prototype', async () => {
    const client = await stand.client();
    await client.makeVisits(1);
    const answers = await client.page.evaluate(async () => {
      const raw: readonly object[] = [
        { type: 'SET', path: ['__proto__', 'polluted'], value: { type: 'RAW', value: true } },
        { type: 'SET', path: ['constructor', 'prototype', 'polluted'], value: { type: 'RAW', value: true } },
        { type: 'SET', path: ['signOut'], value: { type: 'RAW', value: null } },
        { type: 'GET', path: [] },
        { type: 'APPLY', path: ['constructor', 'constructor'], argumentList: [{ type: 'RAW', value: 'return self' }] },
        { type: 'APPLY', path: ['__proto__'], argumentList: [] },
        { type: 'APPLY', path: ['state'], argumentList: [{ type: 'HANDLER', name: 'throw', value: {} }] },
        {
          type: 'APPLY',
          path: ['synchronize'],
          argumentList: [{ type: 'RAW', value: Object.fromEntries([['__proto__', { polluted: true }]]) }],
        },
        { type: 'CONSTRUCT', path: ['state'], argumentList: [] },
        { type: 'ENDPOINT' },
        { type: 'RELEASE' },
        { type: 'OTHER' },
      ];
      const worker = navigator.serviceWorker.controller;
      for (const message of raw) worker?.postMessage({ id: 'raw', ...message });
      for (const junk of [null, 'x', [], { holdfast: 1 }, { holdfast: 1, type: 'connect', connection: {} }])
        worker?.postMessage(junk);
      // A connection as the client makes it, but for who speaks over it.
      const { port1: port, port2 } = new MessageChannel();
      const next = (): Promise<unknown> =>
        new Promise((resolve) => {
          port.addEventListener('message', ({ data }: MessageEvent<unknown>) => resolve(data), { once: true });
          port.start();
        });
      const connection = crypto.randomUUID();
      void navigator.locks.request(`holdfast-tab:${connection}`, () => new Promise(() => undefined));
      const hello = next();
      worker?.postMessage({ holdfast: 1, type: 'connect', connection }, [port2]);
      const given: unknown[] = [await hello];
      for (const [index, message] of raw.entries()) {
        const answer = next();
        port.postMessage({ id: `raw-${index}`, ...message });
        given.push(await answer);
      }
      const answer = next();
      port.postMessage({ id: 'call', type: 'APPLY', path: ['pending'], argumentList: [] });
      given.push(await answer);
      return given;
    });
    const [hello, ...rest] = answers;
    expect(hello).toMatchObject({ holdfast: 1, type: 'connected', name: appName });
    expect(rest.pop()).toMatchObject({ id: 'call', type: 'RAW', value: { ok: true } });
    expect(rest).toHaveLength(12);
    for (const answer of rest) expect(answer).toMatchObject({ type: 'HANDLER', name: 'throw' });
    expect(client.context.serviceWorkers()).toHaveLength(1);
    expect(await pollutedIn(client)).toEqual([]);
    expect(await client.state()).toMatchObject({ user: client.user });
    await stand.holds(client);
  });

  it('__proto__ up and down as record, field and table: no prototype changed, and nothing altered', async () => {
    const client = await stand.client();
    const other = await stand.client({}, client.user);
    const texts = new Map([
      ['__proto__', '{"name":"__proto__","value":{"__proto__":{"polluted":1},"constructor":{"prototype":2}}}'],
      ['constructor', '{"name":"constructor","value":["__proto__"]}'],
    ]);
    const put = (name: string, text: string): Promise<number> =>
      client.page.evaluate(
        ([path, body]) => {
          const headers = { 'Content-Type': 'application/json' };
          return fetch(path ?? '', { method: 'PUT', headers, body: body ?? '' }).then(({ status }) => status);
        },
        [`/api/preferences/${name}`, text],
      );
    for (const [name, text] of texts) expect(await put(name, text)).toBe(201);
    // As a field of the record itself: the server has no such column, and says so.
    expect(await put('field', '{"name":"field","value":1,"__proto__":{"polluted":3}}')).toBe(201);
    // As a table: none of ours, whichever way it is named.
    for (const table of ['__proto__', 'constructor']) {
      expect((await client.ask('GET', `/api/${table}`)).status$).toBe(null);
      for (const call of [
        `statusOf('${table}', 'x')`,
        `query('${table}', {})`,
        `setScope('${table}', 'all')`,
        `receive('${table}', [{ id: 'x' }])`,
        `setStatus('${table}', 1, {})`,
        `clear('${table}')`,
      ]) {
        const code = await client.page.evaluate(`holdfast.${call}.then(() => 'taken', (error) => error.code)`);
        expect(code, call).toMatch(/^(invalid-request|configuration|unknown-table|not-found|filter)$/);
      }
    }
    // What names it in the place of the outcomes acknowledges nothing.
    const forged = '{"protocol":1,"serverEpoch":"e","__proto__":{"outcomes":[]}}';
    const headers = { 'Sync-Protocol': '1', 'Sync-User': client.user };
    stand.faults.plan = on('/sync/upload', answerWith(200, 'application/json', forged, headers));
    await client.makeVisits(1);
    await expect.poll(() => client.run(), patience).toBe('not-our-server');
    expect((await client.stored()).unsent.length).toBeGreaterThan(0);
    await stand.holds(client, other);
    for (const { page } of [client, other]) {
      for (const [name, text] of texts)
        expect(await page.evaluate(`fetch('/api/preferences/${name}').then((answer) => answer.text())`)).toBe(text);
    }
    const failures = await client.page.evaluate<readonly unknown[]>('holdfast.failures({ limit: 10 })');
    expect(failures).toMatchObject([{ table: 'preferences', key: 'field', code: 'validation' }]);
    for (const each of [client, other]) expect(await pollutedIn(each)).toEqual([]);
  });

  it('a download with someone else’s, malformed or oversized records: not stored, reported', async () => {
    const client = await stand.client({ places: true });
    await client.makeVisits(2);
    await expect.poll(() => client.run(), patience).toBe('finished');
    const before = await shown(client);
    const serverEpoch = await stand.serverEpoch(client.user);
    const start = JSON.stringify({ type: 'start', protocol: 1, serverEpoch, tables: 4 });
    const answer = (lines: readonly string[], user = client.user): void => {
      const body = [start, ...lines, '{"type":"finish"}', ''].join('\n');
      const headers = { 'Sync-Protocol': '1', 'Sync-User': user };
      stand.faults.plan = on('/sync/download', answerWith(200, 'application/x-ndjson', body, headers));
    };
    const malformed = ['{"type":"table","table":"places","full":true,"snapshot":"s","total":1}', '{"type":"rec'];
    const oversized = ['x'.repeat(70_000_000)];
    for (const [what, lines] of [...hostileDownloads, ['half a mark', malformed], ['no end', oversized]] as const) {
      answer(lines);
      expect(await client.run({ full: true }), what).toMatch(/^(network|not-our-server)$/);
      expect(await client.state(), what).toMatchObject({ lastResult: { outcome: 'failed' }, authRequired: false });
      expect(await shown(client), what).toEqual(before);
    }
    const someoneElse = await stand.newUser();
    await stand.makeVisit(someoneElse, randomUUID());
    answer([], someoneElse);
    expect(await client.run({ full: true })).toBe('user-mismatch');
    expect(await client.state()).toMatchObject({ authRequired: true });
    expect(await shown(client)).toEqual(before);
    expect(await pollutedIn(client)).toEqual([]);
    stand.faults.plan = stand.quietly;
    await client.signIn();
    await stand.holds(client);
  });
});
