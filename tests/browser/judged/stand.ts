import { expect } from 'vitest';
import type { Browser, Page, Worker } from 'playwright';
import type { JsonObject, RecordKey } from '../../../sw/protocol/record.ts';
import type { SyncEvent } from '../../../sw/protocol/events.ts';
import type { RunningServer } from '../../../demo/server/server.ts';
import { launchChromium } from '../../support/chromium.ts';
import { effectsOf, forgetEffects, noteEffects } from '../../support/faults/effects.ts';
import { startFaultServer, type FaultServer } from '../../support/faults/fault-server.ts';
import type { Plan } from '../../support/faults/passage.ts';
import { overlappingRuns, Recorder } from '../../support/faults/recorder.ts';
import type { Effect } from '../../support/reference/ledger.ts';
import { BuiltApp } from '../built-app.ts';
import { pageText, serverTables } from '../sweep/apps.ts';
import { SweptDevice } from '../sweep/device.ts';
import { readDevice } from '../sweep/stored-in-page.ts';

const app = 'judged';
const tables = ['notes'] as const;

/** Without the server's own news, which would begin runs between those of a case. Its address names what else the app declares. */
const workerText = `
import { batchBackend, startSync } from ${BuiltApp.importing('sw/index.ts')};
globalThis.unhandled = [];
// A Background Sync that leaves something unsent fails on purpose: so the browser comes with it again.
addEventListener('unhandledrejection', ({ reason }) => {
  if (!/^Error: Not everything could be sent/.test(String(reason))) unhandled.push(String(reason));
});
const isNewer = self.location.search === '?gadgets';
startSync({
  name: '${app}',
  version: 1,
  tables: {
    notes: { path: '/api/notes', key: 'id', conflict: 'merge', columns: { a: 'string' } },
    ...(isNewer ? { gadgets: { path: '/api/gadgets', key: 'id' } } : {}),
  },
  backend: batchBackend({ url: '/sync', live: false }),
});
`;

/** Notes each run, for O6 and O8. */
const watchedPageText = `${pageText}
globalThis.told = [];
holdfast.addEventListener('started', ({ detail }) => told.push(detail));
holdfast.addEventListener('finished', ({ detail }) => told.push({ type: 'finished', result: detail }));
`;

/** Pages and workers of several devices in Chromium, the demo's server behind a fault server, and the oracle that judges. */
export class JudgedStand {
  readonly #app = new BuiltApp(app);
  #faults: FaultServer | undefined;
  #browser: Browser | undefined;
  #devices: SweptDevice[] = [];
  #recorder = new Recorder();
  #unhandled: string[] = [];
  #users = 0;
  /** Whose devices the next ones are. */
  user = '';
  fault: Plan = () => undefined;

  async start(): Promise<void> {
    await this.#app.start({ page: watchedPageText, worker: workerText }, { tables: serverTables });
    await noteEffects(
      this.server.database,
      Object.fromEntries(serverTables.map(({ name, key }) => [name, key] as const)),
    );
    this.#faults = await startFaultServer(this.#app.url);
    this.#faults.plan = (passage) => this.fault(passage);
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

  /** A new user, and nothing of the cases before. */
  async begin(): Promise<void> {
    this.fault = () => undefined;
    await Promise.all(this.#devices.map(({ page }) => page.context().close()));
    this.#devices = [];
    this.#unhandled = [];
    this.#recorder = new Recorder();
    await forgetEffects(this.server.database);
    await this.#newUser();
  }

  async #newUser(): Promise<void> {
    this.#users += 1;
    this.user = `u${this.#users}`;
    await this.server.database.query('insert into sync_users (name, token) values ($1, $2)', [
      this.user,
      `${this.user}-demo`,
    ]);
  }

  /** A device of the user with nobody signed in. `declared` is `?gadgets` for an app with a table that the server does not have. */
  async device(declared = ''): Promise<SweptDevice> {
    if (this.#faults === undefined || this.#browser === undefined) throw new Error('The stand was not started.');
    const { url } = this.#faults;
    const context = await this.#browser.newContext();
    await context.addCookies([{ name: 'session', value: `${this.user}-demo`, url }]);
    const page = await context.newPage();
    page.on('pageerror', ({ message }) => this.#unhandled.push(message));
    const name = `device ${this.#devices.length + 1}`;
    const options = { name, page, user: this.user, recorder: this.#recorder, serverUrl: this.#app.url };
    const device = new SweptDevice({ ...options, ledger: this });
    this.#devices.push(device);
    await device.open(`${url}/${declared}`);
    return device;
  }

  /** One that is signed in and has everything. */
  async readyDevice(declared = ''): Promise<SweptDevice> {
    const device = await this.device(declared);
    await device.signIn();
    await device.ready();
    return device;
  }

  /** A device of somebody else, who is no part of the case. */
  async strangersDevice(): Promise<SweptDevice> {
    const own = this.user;
    await this.#newUser();
    const device = await this.readyDevice();
    this.user = own;
    return device;
  }

  effects(): Promise<readonly Effect[]> {
    return effectsOf(this.server.database);
  }

  /** Faults off, everyone synchronizes until quiet; then O1 to O8 hold. */
  async holds(): Promise<void> {
    this.fault = () => undefined;
    for (let round = 0; round < 2; round += 1) {
      for (const device of this.#devices) expect(await device.run()).toMatch(/finished|partial/);
    }
    for (const device of this.#devices) await device.readAll();
    const states = await Promise.all(this.#devices.map(({ page, who }) => readDevice(page, { app, tables, ...who })));
    const there = new Map<string, ReadonlyMap<RecordKey, JsonObject>>();
    for (const device of this.#devices) there.set(device.user, await device.there('notes'));
    const server = (user: string): ReadonlyMap<RecordKey, JsonObject> => there.get(user) ?? new Map();
    expect(this.#recorder.judge(await this.effects(), states, server, tables)).toEqual([]);
    expect(this.#recorder.phantoms()).toEqual([]);
    for (const { page } of this.#devices) {
      const told = await page.evaluate<readonly SyncEvent[]>('told');
      expect(overlappingRuns(told)).toEqual([]);
      for (const event of told) {
        if (event.type === 'finished' && event.result.outcome === 'failed')
          expect(event.result.error?.code).toBeTruthy();
      }
      this.#unhandled.push(...(await workerOf(page).evaluate<string[]>('unhandled')));
    }
    expect(this.#unhandled).toEqual([]);
  }
}

export function workerOf(page: Page): Worker {
  const worker = page.context().serviceWorkers().at(-1);
  if (worker === undefined) throw new Error('There is no worker.');
  return worker;
}
