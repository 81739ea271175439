import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer } from '../../demo/server/server.ts';
import { startDemoServer } from '../support/demo-server.ts';
import { type PostgresCluster, startPostgres } from '../support/postgres.ts';
import {
  arrayOf,
  asJson,
  asObject,
  create,
  Fixture,
  newId,
  onBothDatabases,
  readDownload,
  visit,
} from './server-fixture.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'server-life-'));
const appDir = path.join(folder, 'app');
mkdirSync(path.join(appDir, 'assets'), { recursive: true });
writeFileSync(path.join(appDir, 'index.html'), '<!doctype html><title>Rounds</title>');
writeFileSync(path.join(appDir, 'sw.js'), 'self;');
writeFileSync(path.join(appDir, 'assets/main-1a2b.js'), 'export {};');
writeFileSync(path.join(folder, 'secret.txt'), 'secret');

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Sends a path as it is, which `fetch` would make tidy. */
function rawStatus(port: number, rawPath: string): Promise<number> {
  return new Promise((resolve, reject) => {
    httpRequest({ port, host: '127.0.0.1', path: rawPath }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
  });
}

onBothDatabases(
  'The server',
  (fixture) => {
    it('serves the app: the page and the worker asked for anew, hashed files for ever', async () => {
      const page = await fixture.fetch('/', { user: null });
      expect(await page.text()).toContain('Rounds');
      expect(page.headers.get('Content-Type')).toBe('text/html; charset=utf-8');
      expect(page.headers.get('Cache-Control')).toBe('no-cache');
      const worker = await fixture.fetch('/sw.js', { user: null });
      expect(worker.headers.get('Content-Type')).toBe('text/javascript; charset=utf-8');
      expect(worker.headers.get('Cache-Control')).toBe('no-cache');
      const asset = await fixture.fetch('/assets/main-1a2b.js', { user: null });
      expect(asset.headers.get('Cache-Control')).toContain('immutable');
      expect((await fixture.fetch('/nothing.js', { user: null })).status).toBe(404);
    });

    it('serves the app at the address of each of its pages, to whoever asks for a page', async () => {
      const as = (address: string, accept: string): Promise<Response> =>
        fixture.fetch(address, { user: null, headers: { Accept: accept } });
      for (const page of ['/visits', '/visits/ana-visit-1', '/visits/new?place=AD-1']) {
        expect(await (await as(page, 'text/html,*/*;q=0.8')).text()).toContain('Rounds');
      }
      expect((await as('/visits', '*/*')).status).toBe(404);
      for (const none of ['/api/nothing', '/sync/nothing', '/auth/nothing', '/nothing.js', '/assets/nothing']) {
        const answer = await as(none, 'text/html');
        expect(answer.headers.get('Content-Type')).toBe('application/problem+json');
      }
    });

    it('serves nothing from outside the app', async () => {
      for (const escape of [
        '/../secret.txt',
        '/%2e%2e/secret.txt',
        '/assets/..%2f..%2f..%2fsecret.txt',
        '/%00',
        '/%',
      ]) {
        expect(await rawStatus(fixture.server.port, escape)).toBe(404);
      }
    });

    it('refuses a body over its limit, announced or not, and takes one below', async () => {
      const large = JSON.stringify({ note: 'x'.repeat(70_000) });
      const announced = await fixture.fetch('/api/visits', { method: 'POST', body: large });
      expect([announced.status, await announced.json()]).toMatchObject([413, { code: 'too-large' }]);
      const stream = new Blob([large]).stream();
      const chunked = { method: 'POST', body: stream, duplex: 'half' };
      const streamed = await fixture.fetch('/api/visits', chunked);
      expect([streamed.status, await streamed.json()]).toMatchObject([413, { code: 'too-large' }]);
      const small = await fixture.request('POST', '/api/visits', { body: { note: 'x'.repeat(60_000) } });
      expect(small.status).toBe(201);
    });

    it('tells that it is well', async () => {
      expect(await fixture.request('GET', '/healthz', { user: null })).toMatchObject({ status: 200 });
    });

    it('keeps answering others while a slow client takes a download', async () => {
      const slow = await fixture.fetch('/sync/download', {
        method: 'POST',
        body: JSON.stringify({
          protocol: 1,
          schema: 1,
          tables: Array.from({ length: 200 }, () => ({ table: 'places', scope: { type: 'all' }, cursor: null })),
        }),
      });
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => fixture.upload([create('visits', visit())], { user: 'ben' })),
      );
      expect(answers.flat().every((outcome) => outcome['type'] === 'applied')).toBe(true);
      expect(readDownload(await slow.text())).toHaveLength(200);
    });
  },
  { appDir, bodyLimitBytes: 65_536 },
);

describe.each(['embedded', 'postgresql'] as const)('A restart on the %s database', (kind) => {
  let cluster: PostgresCluster | undefined;
  beforeAll(async () => {
    if (kind === 'postgresql') cluster = await startPostgres();
  });
  afterAll(() => cluster?.stop());

  it('keeps data, ledger, cursors and places', async () => {
    const where = cluster === undefined ? { dataDir: path.join(folder, 'kept/data') } : { databaseUrl: cluster.url };
    const first = new Fixture('embedded');
    await first.start({ ...where, places: 12 });
    const change = create('visits', visit({ note: 'Kept' }));
    await first.upload([change]);
    const { cursor } = await first.downloadTable('visits');
    await first.stop();
    await first.stop();

    const second = new Fixture('embedded');
    await second.start({ ...where, places: 30 });
    const [outcome] = await second.upload([change]);
    expect(outcome).toMatchObject({ type: 'applied', record: { note: 'Kept' } });
    expect(await second.downloadTable('visits', { cursor })).toMatchObject({ full: false, records: [], count: 4 });
    expect((await second.request('GET', '/api/visits/ana-visit-1')).body).toMatchObject({ placeId: 'AD-6' });
    const places = arrayOf((await second.request('GET', '/api/places?orderBy=name')).body);
    expect(new Set(places.map((place) => asObject(place)['id'])).size).toBe(30);
    expect(places.map((place) => asObject(place)['id'])).toContain('AD-1');
    await second.stop();
  });

  it('finishes answers and ends live streams when it closes', async () => {
    const where = cluster === undefined ? {} : { databaseUrl: cluster.url };
    const server = await startDemoServer({ ...where, places: 'none' });
    const headers = { Authorization: 'Bearer ana-demo' };
    const live = await fetch(`${server.url}/sync/live`, { headers });
    const body = {
      ...{ protocol: 1, schema: 1, device: 'd', run: 'r', onConflict: {} },
      changes: Array.from({ length: 200 }, () => create('visits', visit({ id: newId() }))),
    };
    const upload = fetch(`${server.url}/sync/upload`, { method: 'POST', headers, body: JSON.stringify(body) });
    const health = await fetch(`${server.url}/healthz`);
    expect(health.status).toBe(200);
    const [response] = await Promise.all([upload.then((answer) => answer.text()), upload.then(() => server.close())]);
    expect(arrayOf(asObject(asJson(response))['outcomes'])).toHaveLength(200);
    expect(await live.text()).toContain(': connected');
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
  });
});

describe('The folder of the embedded database', () => {
  it('is refused to a second process, and free again when the first was killed', async () => {
    const dataDir = path.join(folder, 'held/data');
    mkdirSync(path.dirname(dataDir), { recursive: true });
    const holder = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)']);
    const ended = once(holder, 'exit');
    const stat = `/proc/${holder.pid ?? 0}/stat`;
    const started = existsSync(stat) ? ` ${readFileSync(stat, 'utf8').split(') ')[1]?.split(' ')[19] ?? ''}` : '';
    writeFileSync(`${dataDir}.pid`, `${holder.pid ?? 0}${started}`);
    await expect(startServer({ dataDir, places: 'none' })).rejects.toThrow(`Process ${holder.pid ?? 0} is using`);
    holder.kill('SIGKILL');
    await ended;
    const server = await startServer({ dataDir, places: 'none' });
    expect(existsSync(`${dataDir}.pid`)).toBe(true);
    await server.close();
    expect(existsSync(`${dataDir}.pid`)).toBe(false);
  });
});
