import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BuiltApp } from '../browser/built-app.ts';
import { effectsOf, forgetEffects, noteEffects } from '../support/faults/effects.ts';
import type { EngineBrowser, EnginePage } from '../support/engines/engine.ts';
import { installedEngines, launchEngine } from '../support/engines/launch.ts';
import { hardKeys, hardNames, hardValues } from '../support/hard-records.ts';
import { connected } from './fixture.ts';

const worker = `
import { batchBackend, startSync } from ${BuiltApp.importing('sw/index.ts')};
addEventListener('message', ({ data, ports }) => {
  if (data === 'polluted?') ports[0].postMessage(['polluted', 'value', 'name'].filter((name) => name in {}));
});
startSync({
  name: 'records',
  version: 1,
  tables: {
    preferences: { path: '/api/preferences', key: 'name', scope: 'all' },
    visits: { path: '/api/visits', key: 'id', scope: 'all' },
    products: { path: '/api/products', key: 'Code', columns: { Code: 'number', Name: 'string' } },
  },
  backend: batchBackend({ url: '/sync', live: false }),
});
`;

/** The page itself writes and compares: no driver's way of handing texts over is in between. */
const page = `
import { connectSync } from ${BuiltApp.importing('client/index.ts')};
import * as hard from ${JSON.stringify(path.join(import.meta.dirname, '../support/hard-records.ts'))};

const records = [
  ...hard.hardKeys.map(([label, key]) => [key, JSON.stringify({ name: key, value: label })]),
  ...Object.entries(hard.hardValues).map(([key, value]) => [key, JSON.stringify({ name: key, value })]),
  ['names', '{"name":"names","value":' + hard.hardNames + '}'],
];
const pathOf = (key) => '/api/preferences/' + encodeURIComponent(key);
const send = async (method, path, body) => {
  const answer = await fetch(path, { method, body, headers: { 'Content-Type': 'application/json' } });
  const text = await answer.text();
  return { status: answer.status, source: answer.headers.get('Sync-Source'), text };
};
const failing = async (list, check) => {
  const found = [];
  for (const each of list) if (!(await check(each))) found.push(String(each[0]).slice(0, 40));
  return found;
};

globalThis.hard = {
  /** Gives what was not taken. */
  write: () => failing(records, async ([key, text]) => (await send('PUT', pathOf(key), text)).status === 201),
  /** Gives what is not here, byte by byte. */
  differing: () => failing(records, async ([key, text]) => {
    const { status, source, text: read } = await send('GET', pathOf(key), null);
    return status === 200 && source === 'local' && read === text;
  }),
  names: async () => JSON.parse((await send('GET', '/api/preferences?limit=1000', null)).text).map(({ name }) => name),
  editNames: async () => {
    await send('PATCH', pathOf('names'), '{"note":null}');
    return (await send('GET', pathOf('names'), null)).text;
  },
  remove: () => failing(records, async ([key]) => (await send('DELETE', pathOf(key), null)).status === 204),
  /** Gives what was not refused. */
  refuse: async () => [
    ...(await failing(hard.refusedBodies, async ([, body]) => {
      const answers = [await send('POST', '/api/preferences', body), await send('PUT', '/api/preferences/n', body)];
      return answers.every(({ status, text }) => status === 400 && JSON.parse(text).code === 'invalid-body');
    })),
    ...(await failing(hard.refusedKeys, async ([, table, body]) => {
      const { status, text } = await send('POST', '/api/' + table, body);
      return status === 422 && JSON.parse(text).code === 'invalid-key';
    })),
  ],
  keep: () => failing(hard.keptBodies.map((body) => [body]), async ([body]) => {
    await send('PUT', '/api/preferences/n', body);
    return (await send('GET', '/api/preferences/n', null)).text === body;
  }),
  send,
  polluted: () => new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve([...data, ...['polluted', 'value'].filter((name) => name in {})]);
    navigator.serviceWorker.controller.postMessage('polluted?', [port2]);
  }),
};
globalThis.run = () => holdfast.synchronize({ onBusy: 'queue', onPartial: 'return' }).then(({ outcome }) => outcome);
globalThis.holdfast = await connectSync({ worker: '/sw.js' });
`;

const longKey = "'k'.repeat(8192)";

describe.each(installedEngines())('keys, fields and values, %s', (engine) => {
  const app = new BuiltApp('records');
  let browser: EngineBrowser;
  let tab: EnginePage;
  beforeAll(async () => {
    await app.start({ page, worker });
    await noteEffects(app.server.database);
    browser = await launchEngine(engine);
    tab = await browser.newPage();
    await tab.goto(app.url);
    await connected(tab);
    await tab.evaluate("(document.cookie = 'session=ana-demo', holdfast.signIn({ user: 'ana' }))");
    await tab.evaluate('holdfast.ready');
  });
  afterAll(async () => {
    await browser.close();
    await app.stop();
  });

  /** What is on the server of ana's, by name. */
  async function onServer(): Promise<ReadonlyMap<string, string>> {
    const rows = await app.server.database.query('select name, _text from preferences');
    return new Map(rows.map((row) => [String(row['name']), String(row['_text'])]));
  }

  /** Everything is sent, and nothing was refused by the server. */
  async function quiet(): Promise<void> {
    await expect.poll(() => tab.evaluate('run()'), { timeout: 60_000 }).toBe('finished');
    expect(await tab.evaluate('holdfast.state()')).toMatchObject({ pending: 0, failures: 0 });
  }

  it('of any Unicode, a/b?c#d, __proto__, past 2^53, of depth 100, of 1 MB are the same byte by byte here, on the server, and downloaded', async () => {
    await forgetEffects(app.server.database);
    const all = [...hardKeys.map(([, key]) => key), ...Object.keys(hardValues), 'names'];
    const values = new Map<string, string>([
      ...hardKeys.map(([label, key]) => [key, JSON.stringify({ name: key, value: label })] as const),
      ...Object.entries(hardValues).map(([name, value]) => [name, JSON.stringify({ name, value })] as const),
      ['names', `{"name":"names","value":${hardNames}}`],
    ]);
    expect(await tab.evaluate('hard.write()')).toEqual([]);
    expect(await tab.evaluate('hard.differing()')).toEqual([]);
    await quiet();
    expect(await onServer()).toEqual(values);
    expect(await tab.evaluate('hard.differing()')).toEqual([]);
    // The same device without anything: all of it is downloaded.
    await tab.evaluate("holdfast.signOut({ data: 'remove' })");
    await tab.evaluate("holdfast.signIn({ user: 'ana' })");
    await quiet();
    expect(await tab.evaluate('hard.differing()')).toEqual([]);
    // By UTF-16 code unit, as both JavaScript and the database of the browser order them.
    expect(await tab.evaluate('hard.names()')).toEqual([...all].sort());
    // An edit beside a name leaves it as it is.
    expect(await tab.evaluate('hard.editNames()')).toContain('"__proto__":{"polluted":1}');
    expect(await tab.evaluate('hard.polluted()')).toEqual([]);
    await tab.evaluate('holdfast.failures().then((all) => Promise.all(all.map(({ id }) => holdfast.discard(id))))');
    expect(await tab.evaluate('hard.remove()')).toEqual([]);
    await quiet();
    expect((await onServer()).size).toBe(0);
    // Each was made once and deleted once.
    const effects = await effectsOf(app.server.database);
    const order = all.flatMap((key) => [`create ${key}`, `delete ${key}`]).sort();
    expect(effects.map(({ type, key }) => `${type} ${key}`).sort()).toEqual(order);
  });

  it('that cannot be held, or be a key of their table, are refused before success; other numbers stay as they are written', async () => {
    expect(await tab.evaluate('hard.refuse()')).toEqual([]);
    expect(await tab.evaluate('holdfast.state()')).toMatchObject({ pending: 0, failures: 0 });
    expect(await tab.evaluate('hard.keep()')).toEqual([]);
    const code = Number.MAX_SAFE_INTEGER;
    const product = `{"Code":${code},"Name":"the last one"}`;
    const asked = `hard.send('PUT', '/api/products/${code}', '${product}').then(({ status }) => status)`;
    expect(await tab.evaluate(asked)).toBe(201);
    await quiet();
    const [row] = await app.server.database.query('select _text from products where "Code" = $1', [code]);
    expect(row?.['_text']).toContain(`"Code":${code}`);
    await tab.evaluate(`hard.send('DELETE', '/api/products/${code}', null)`);
    await tab.evaluate("hard.send('DELETE', '/api/preferences/n', null)");
    await quiet();
  });

  it('may have 8 KB in a key: what the server cannot index is parked with its reason, not dropped', async () => {
    const record = `JSON.stringify({ id: ${longKey}, note: 'long' })`;
    const written = `hard.send('PUT', '/api/visits/' + ${longKey}, ${record}).then(({ status }) => status)`;
    expect(await tab.evaluate(written)).toBe(201);
    await expect.poll(() => tab.evaluate('run().then(() => holdfast.failures())')).toHaveLength(1);
    const [failure] = [await tab.evaluate('holdfast.failures()')].flat();
    expect(failure).toMatchObject({ key: 'k'.repeat(8192), code: 'validation' });
    expect(
      await tab.evaluate(`hard.send('GET', '/api/visits/' + ${longKey}, null).then(({ text }) => text)`),
    ).toContain('"note":"long"');
    await tab.evaluate('holdfast.failures().then((all) => Promise.all(all.map(({ id }) => holdfast.discard(id))))');
    await quiet();
  });
});
