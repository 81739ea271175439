import { randomUUID } from 'node:crypto';
import type { Browser, BrowserContext, Page } from 'playwright';
import { expect } from 'vitest';
import type { RunningServer } from '../../demo/server/server.ts';
import type { EventEnvelope } from '../../sw/protocol/events.ts';
import { isJsonObject, type JsonObject, type RecordKey } from '../../sw/protocol/record.ts';
import type { SyncState } from '../../sw/protocol/run.ts';
import { launchChromium } from '../support/chromium.ts';
import { effectsOf, forgetEffects, noteEffects } from '../support/faults/effects.ts';
import { startFaultServer, type FaultServer } from '../support/faults/fault-server.ts';
import type { Plan } from '../support/faults/passage.ts';
import { overlappingRuns, Recorder } from '../support/faults/recorder.ts';
import { BuiltApp } from './built-app.ts';
import { addressOf, appName, pageText, workerText, type FaultAppOptions } from './fault-app.ts';
import { ask, connected, type PageAnswer } from './fixture.ts';
import { byKey } from './sweep/device.ts';
import { readDevice } from './sweep/stored-in-page.ts';

export const patience = { timeout: 60_000, interval: 50 };

const judged = ['visits', 'lines'] as const;

interface Write {
  readonly table: string;
  readonly key: RecordKey;
  readonly record: JsonObject;
}

/** A page of one user: its requests are noted, so that the oracle can judge them. */
export class FaultClient {
  readonly page: Page;
  readonly user: string;
  readonly #stand: FaultStand;
  readonly #device: string;

  constructor(stand: FaultStand, page: Page, { user, device }: { readonly user: string; readonly device: string }) {
    this.#stand = stand;
    this.#device = device;
    this.page = page;
    this.user = user;
  }

  get #who(): { readonly device: string; readonly user: string } {
    return { device: this.#device, user: this.user };
  }

  get context(): BrowserContext {
    return this.page.context();
  }

  /** Another user signs in, whose the cookie is from now on, and the page is loaded anew. */
  async become(user: string): Promise<FaultClient> {
    const client = new FaultClient(this.#stand, this.page, { user, device: this.#device });
    await this.#stand.setCookie(this.context, user);
    await client.signIn();
    await this.page.reload();
    await connected(this.page);
    await this.page.evaluate('holdfast.ready.then(() => null)');
    return client;
  }

  async signIn(more: { readonly headers?: Readonly<Record<string, string>> } = {}): Promise<void> {
    await this.page.evaluate(`holdfast.signIn(${JSON.stringify({ user: this.user, ...more })}).then(() => null)`);
  }

  /** Makes records, fifty at a time, each with a note of its own. */
  async make(table: string, records: readonly JsonObject[]): Promise<void> {
    const writes = records.map((record): Write & { readonly fields: Record<string, string> } => {
      const fields: Record<string, string> = table === 'visits' ? { note: this.#stand.recorder.value(this.user) } : {};
      const key = randomUUID();
      return { table, key, fields, record: { id: key, ...record, ...fields } };
    });
    const sent = this.page.evaluate(
      async ({ path, bodies }) => {
        const statuses: number[] = [];
        const headers = { 'Content-Type': 'application/json' };
        for (let from = 0; from < bodies.length; from += 50) {
          const some = bodies.slice(from, from + 50).map((body) => fetch(path, { method: 'POST', headers, body }));
          statuses.push(...(await Promise.all(some)).map(({ status }) => status));
        }
        return statuses;
      },
      { path: `/api/${table}`, bodies: writes.map(({ record }) => JSON.stringify(record)) },
    );
    const statuses = await Promise.all(
      writes.map(({ key, fields, record }, index) => {
        const id = record['id'];
        const what = { table, key: typeof id === 'string' ? id : key, fields };
        return this.#stand.recorder.write(this.#who, what, async () => (await sent)[index] ?? 0);
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([201]));
  }

  /** Makes visits and gives their keys. */
  async makeVisits(count: number): Promise<readonly string[]> {
    const keys = Array.from({ length: count }, () => randomUUID());
    await this.make(
      'visits',
      keys.map((id) => ({ id })),
    );
    return keys;
  }

  ask(method: string, path: string, record?: object): Promise<PageAnswer> {
    return ask(this.page, method, path, record);
  }

  /** One explicit run: how it ended, or the code of why it could not. */
  run(options: object = {}): Promise<string> {
    const asked = JSON.stringify({ onBusy: 'queue', onPartial: 'return', ...options });
    return this.page.evaluate(
      `holdfast.synchronize(${asked}).then(({ outcome }) => outcome, (error) => error.code ?? String(error))`,
    );
  }

  state(): Promise<SyncState> {
    return this.page.evaluate('holdfast.state()');
  }

  /** Reads some of what was written, as a page does, and notes what came. */
  async readSome(): Promise<void> {
    const { recorder } = this.#stand;
    const written = recorder.writes.filter(({ user }) => user === this.user).slice(0, 20);
    for (const { table, key } of written) {
      await recorder.read(this.#who, { table, key }, async () => {
        const { status, body } = await this.ask('GET', `/api/${table}/${key}`);
        return status === 200 && isJsonObject(body) ? body : null;
      });
    }
  }

  stored(): ReturnType<typeof readDevice> {
    return readDevice(this.page, { app: appName, user: this.user, tables: judged }).then((state) => ({
      ...state,
      ...this.#who,
    }));
  }
}

/** The real server, a fault server in front of it, real pages and workers in Chromium, and the oracle that judges it all. */
export class FaultStand {
  readonly #app = new BuiltApp(appName);
  readonly #places: number;
  #faults: FaultServer | undefined;
  #browser: Browser | undefined;
  #contexts: BrowserContext[] = [];
  #users = 0;
  recorder = new Recorder();
  /** What is there while no fault goes: an app's own server, beside the demo's. */
  quietly: Plan = () => undefined;

  constructor({ places = 0 }: { readonly places?: number } = {}) {
    this.#places = places;
  }

  async start(): Promise<void> {
    const places = this.#places === 0 ? 'none' : this.#places;
    await this.#app.start({ page: pageText, worker: workerText }, { places });
    await this.server.loaded;
    await noteEffects(this.server.database);
    this.#faults = await startFaultServer(this.server.url);
    this.#browser = await launchChromium();
  }

  async stop(): Promise<void> {
    await this.#browser?.close();
    await this.#faults?.close();
    await this.#app.stop();
  }

  get server(): RunningServer {
    return this.#app.server;
  }

  get faults(): FaultServer {
    if (this.#faults === undefined) throw new Error('The stand was not started.');
    return this.#faults;
  }

  /** Forgets the devices of the test before. */
  async begin(): Promise<void> {
    for (const context of this.#contexts) await context.close();
    this.#contexts = [];
    await this.faults.accept();
    await forgetEffects(this.server.database);
    this.recorder = new Recorder();
    this.quietly = () => undefined;
    this.faults.plan = this.quietly;
    this.faults.seen.length = 0;
  }

  /** Somebody who has nothing yet. */
  async newUser(): Promise<string> {
    this.#users += 1;
    const user = `user-${this.#users}`;
    await this.server.database.query('insert into sync_users (name, token) values ($1, $2)', [user, `${user}-demo`]);
    return user;
  }

  async setCookie(context: BrowserContext, user: string): Promise<void> {
    await context.addCookies([{ name: 'session', value: `${user}-demo`, url: this.faults.url }]);
  }

  /** A new device, on which a user is signed in and everything is downloaded. */
  async client(options: FaultAppOptions = {}, given?: string): Promise<FaultClient> {
    if (this.#browser === undefined) throw new Error('The stand was not started.');
    const user = given ?? (await this.newUser());
    const context = await this.#browser.newContext();
    this.#contexts.push(context);
    await this.setCookie(context, user);
    const device = `device ${this.#contexts.length}`;
    const client = new FaultClient(this, await this.openPage(context, options), { user, device });
    await client.signIn();
    await client.page.evaluate('holdfast.ready.then(() => null)');
    return client;
  }

  async openPage(context: BrowserContext, options: FaultAppOptions = {}): Promise<Page> {
    const page = await context.newPage();
    await page.goto(`${this.faults.url}${addressOf(options)}`);
    await connected(page);
    return page;
  }

  /** Of which the server says that its downloads are. */
  async serverEpoch(user: string): Promise<string> {
    const headers = { Authorization: `Bearer ${user}-demo`, 'Content-Type': 'application/json', 'Sync-Protocol': '1' };
    const table = { table: 'preferences', scope: { type: 'all' }, cursor: null };
    const body = JSON.stringify({ protocol: 1, schema: 1, tables: [table] });
    const answer = await fetch(`${this.server.url}/sync/download`, { method: 'POST', headers, body });
    const [first = ''] = (await answer.text()).split('\n');
    const start: unknown = JSON.parse(first);
    if (!isJsonObject(start) || typeof start['serverEpoch'] !== 'string') throw new Error(`No download: ${first}`);
    return start['serverEpoch'];
  }

  /** What somebody does past every worker. */
  async makeVisit(user: string, id: string): Promise<void> {
    const headers = { Authorization: `Bearer ${user}-demo`, 'Content-Type': 'application/json' };
    const body = JSON.stringify({ id, note: 'made elsewhere' });
    expect((await fetch(`${this.server.url}/api/visits`, { method: 'POST', headers, body })).status).toBe(201);
  }

  /** The server's records of a user, past every worker. */
  async there(user: string, table: string): Promise<ReadonlyMap<RecordKey, JsonObject>> {
    const headers = { Authorization: `Bearer ${user}-demo` };
    const list: unknown = await (await fetch(`${this.server.url}/api/${table}?limit=10000`, { headers })).json();
    return byKey(list);
  }

  /** Faults off, everyone synchronizes until quiet; then O1 to O8 hold. */
  async holds(...clients: readonly FaultClient[]): Promise<void> {
    this.faults.plan = this.quietly;
    await this.faults.accept();
    for (let round = 0; round < 2; round += 1) {
      for (const client of clients) await expect.poll(() => client.run(), patience).toMatch(/^(finished|partial)$/);
    }
    const there = new Map<string, ReadonlyMap<RecordKey, JsonObject>>();
    for (const client of clients) {
      await client.readSome();
      for (const table of judged) there.set(`${client.user} ${table}`, await this.there(client.user, table));
    }
    const states = await Promise.all(clients.map((client) => client.stored()));
    const effects = await effectsOf(this.server.database);
    const serverOf = (user: string, table: string): ReadonlyMap<RecordKey, JsonObject> =>
      there.get(`${user} ${table}`) ?? new Map<RecordKey, JsonObject>();
    expect(this.recorder.judge(effects, states, serverOf, judged)).toEqual([]);
    expect(this.recorder.phantoms()).toEqual([]);
    for (const { page } of clients) {
      const [told, unhandled] = await page.evaluate<[readonly EventEnvelope[], readonly string[]]>('[told, unhandled]');
      expect(unhandled).toEqual([]);
      // Each user has a database of their own.
      for (const user of new Set(told.map((each) => each.user))) {
        const own = told.filter((each) => each.user === user).map(({ event }) => event);
        expect(overlappingRuns(own)).toEqual([]);
        for (const event of own) {
          if (event.type === 'finished' && event.result.outcome === 'failed')
            expect(event.result.error?.code).toBeTruthy();
        }
      }
    }
  }
}
