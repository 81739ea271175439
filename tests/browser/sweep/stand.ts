import { setTimeout } from 'node:timers/promises';
import type { Browser, CDPSession, Page } from 'playwright';
import { launchChromium } from '../../support/chromium.ts';
import type { JsonObject, RecordKey } from '../../../sw/protocol/record.ts';
import { effectsOf, forgetEffects, noteEffects } from '../../support/faults/effects.ts';
import { startFaultServer, type FaultServer } from '../../support/faults/fault-server.ts';
import { firstOf } from '../../support/faults/plans.ts';
import { Recorder } from '../../support/faults/recorder.ts';
import type { Effect } from '../../support/reference/ledger.ts';
import { BuiltApp } from '../built-app.ts';
import { pageText, serverTables, workerText } from './apps.ts';
import { SweptDevice } from './device.ts';
import { Ledger } from './ledger.ts';
import { scenarios, type Scenario } from './scenarios.ts';
import type { Step } from './step.ts';
import { readDevice } from './stored-in-page.ts';

/** So many that a full download of them is stored in two pieces, of 16 leaves of 1,024 records at most. */
const places = 17_000;
/** Far longer than a play takes: what goes on after it hangs. */
const patienceMs = 60_000;

export interface Played {
  readonly steps: readonly Step[];
  /** Null: the play had fewer steps. */
  readonly stoppedAt: Step | null;
  readonly found: readonly string[];
  /** The browser itself ended, so nothing can be said. */
  readonly isCrashed: boolean;
}

/** The server's key in place of the temporary one that a write was made under: its text tells which it is. */
function underServerKeys(recorder: Recorder, effects: readonly Effect[]): void {
  const found = recorder.writes.map((write) => {
    if (write.table !== 'items') return write;
    const effect = effects.find(({ table, after }) => table === 'items' && after?.['a'] === write.fields?.['a']);
    return effect === undefined ? write : { ...write, key: effect.key };
  });
  recorder.writes.splice(0, recorder.writes.length, ...found);
}

/** O2 where the server makes the keys: one record that was made twice is there under two of them. */
function madeTwice(table: string, records: ReadonlyMap<RecordKey, JsonObject>): readonly string[] {
  const keys = new Map<string, RecordKey>();
  const found: string[] = [];
  for (const [key, { a }] of records) {
    if (typeof a !== 'string') continue;
    const other = keys.get(a);
    if (other !== undefined) found.push(`O2: ${table} ${other} and ${key} are one record: ${a}`);
    keys.set(a, key);
  }
  return found;
}

/** Real pages and workers in Chromium, the demo's real server, and between the two whoever stops the worker. */
export class SweepStand {
  readonly #app = new BuiltApp('sweep');
  #faults: FaultServer | undefined;
  #browser: Browser | undefined;
  #page: Page | undefined;
  #workers: CDPSession | undefined;
  #users = 0;

  async start(): Promise<void> {
    const apps = { page: pageText, worker: workerText(1), nextWorker: workerText(2) };
    await this.#app.start(apps, { places, tables: serverTables });
    await this.#app.server.loaded;
    await noteEffects(
      this.#app.server.database,
      Object.fromEntries(serverTables.map(({ name, key }) => [name, key] as const)),
    );
    this.#faults = await startFaultServer(this.#app.url);
  }

  async stop(): Promise<void> {
    await this.#browser?.close();
    await this.#faults?.close();
    await this.#app.stop();
  }

  /** Plays a scenario on a new device of a new user, with the worker stopped at a step; 0: nowhere. Then the oracle judges. */
  async play(name: string, stopAt: number): Promise<Played> {
    const scenario = scenarios[name];
    if (scenario === undefined) throw new Error(`There is no scenario «${name}».`);
    if (this.#faults === undefined) throw new Error('The stand was not started.');
    const { database } = this.#app.server;
    this.#users += 1;
    const user = `u${this.#users}`;
    await database.query('insert into sync_users (name, token) values ($1, $2)', [user, `${user}-demo`]);
    await forgetEffects(database);
    const page = await this.#cleanPage(user);
    const faults: string[] = [];
    const onError = (error: Error): void => void faults.push(`unhandled in the page: ${error.message}`);
    page.on('pageerror', onError);
    const ledger = new Ledger();
    const recorder = new Recorder();
    const device = new SweptDevice({ page, user, recorder, ledger, serverUrl: this.#app.url });
    this.#faults.plan = firstOf(ledger.plan, (passage) => {
      if (passage.path !== '/sw.js' || !device.isUpdated) return undefined;
      return fetch(`${this.#app.url}/sw-next.js`)
        .then((answer) => answer.text())
        .then((text) => passage.answer(200, { 'Content-Type': 'text/javascript' }, text));
    });
    const abort = new AbortController();
    try {
      const found = await Promise.race([
        this.#play(scenario, { device, ledger, recorder, stopAt, url: this.#faults.url }),
        hanging(abort.signal),
      ]);
      return { steps: ledger.steps, stoppedAt: ledger.stoppedAt, found: [...faults, ...found], isCrashed: false };
    } catch (error) {
      // Whatever is left in it: the next play gets a browser context of its own.
      this.#page = undefined;
      await page
        .context()
        .close()
        .catch(() => undefined);
      const isCrashed = this.#browser?.isConnected() !== true;
      return { steps: ledger.steps, stoppedAt: ledger.stoppedAt, found: [...faults, String(error)], isCrashed };
    } finally {
      abort.abort();
      ledger.end();
      page.off('pageerror', onError);
    }
  }

  /** A page of a device on which nothing is stored, and whose cookie is the user's. */
  async #cleanPage(user: string): Promise<Page> {
    if (this.#faults === undefined) throw new Error('The stand was not started.');
    const { url } = this.#faults;
    if (this.#browser?.isConnected() !== true) {
      this.#browser = await launchChromium();
      this.#page = undefined;
    }
    if (this.#page === undefined) {
      const context = await this.#browser.newContext();
      this.#page = await context.newPage();
      this.#page.setDefaultTimeout(patienceMs);
      this.#workers = await context.newCDPSession(this.#page);
      await this.#workers.send('ServiceWorker.enable');
    } else {
      await this.#page.goto('about:blank');
      await this.#workers?.send('Storage.clearDataForOrigin', { origin: url, storageTypes: 'all' });
    }
    await this.#page.context().addCookies([{ name: 'session', value: `${user}-demo`, url }]);
    return this.#page;
  }

  async #play(
    scenario: Scenario,
    play: {
      readonly device: SweptDevice;
      readonly ledger: Ledger;
      readonly recorder: Recorder;
      readonly stopAt: number;
      readonly url: string;
    },
  ): Promise<readonly string[]> {
    const { device, ledger, recorder, stopAt, url } = play;
    const { page, user } = device;
    const { tables = ['notes', 'items'] } = scenario;
    const stop = async (): Promise<void> => {
      await this.#workers?.send('ServiceWorker.stopAllWorkers');
    };
    await scenario.seed?.(device);
    await device.open(`${url}/?${tables.join(',')}`);
    if (scenario.isFromStart === true) ledger.begin(stopAt, stop);
    await device.signIn();
    await device.ready();
    await scenario.prepare?.(device);
    if (scenario.isFromStart !== true) ledger.begin(stopAt, stop);
    await scenario.play(device);
    await device.readAll();
    ledger.end();
    const found = await becomeQuiet(device);
    if (found.length > 0) return found;
    await device.readAll();
    const here = await readDevice(page, { app: 'sweep', user, tables });
    const there = new Map<string, ReadonlyMap<RecordKey, JsonObject>>();
    for (const table of tables) there.set(table, await device.there(table));
    const effects = await effectsOf(this.#app.server.database);
    underServerKeys(recorder, effects);
    const violations = recorder.judge(effects, [here], (_user, table) => there.get(table) ?? new Map(), tables);
    return [
      ...[...violations, ...recorder.phantoms()].map(({ oracle, message }) => `${oracle}: ${message}`),
      ...[...there].flatMap(([table, records]) => madeTwice(table, records)),
      ...((await scenario.check?.(device)) ?? []),
    ];
  }
}

/** O6: everything that a page waits for settles. */
async function hanging(signal: AbortSignal): Promise<never> {
  await setTimeout(patienceMs, undefined, { signal });
  throw new Error(`O6: something has not settled after ${patienceMs} ms`);
}

/** Faults off, and runs until two of them had nothing to complain of. */
async function becomeQuiet(device: SweptDevice): Promise<readonly string[]> {
  device.isOnline = true;
  const outcomes: string[] = [];
  for (let round = 0; round < 10; round += 1) {
    outcomes.push(await device.run());
    if (outcomes.filter((outcome) => ['finished', 'partial'].includes(outcome)).length === 2) return [];
  }
  return [`O4: the runs do not end: ${outcomes.join(', ')}`];
}
