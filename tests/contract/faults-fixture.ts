import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { isJsonObject, type JsonObject, type RecordKey } from '../../sw/protocol/record.ts';
import type { WorkerMethods } from '../../sw/protocol/api.ts';
import type { OpenSession } from '../../sw/sync/sessions.ts';
import { effectsOf, forgetEffects, noteEffects } from '../support/faults/effects.ts';
import { startFaultServer, type FaultServer } from '../support/faults/fault-server.ts';
import { overlappingRuns, Recorder } from '../support/faults/recorder.ts';
import type { DeviceState } from '../support/oracle.ts';
import { readStored } from '../model/world/stored.ts';
import { Device, type Worker, type WorkerOptions } from './engine-fixture.ts';
import { pageOf } from './engine-page.ts';
import { ask, type PageAnswer } from './page-requests.ts';
import { asText, Fixture, type User } from './server-fixture.ts';

const judged = ['visits', 'lines'] as const;
const keyField = 'id';

function byKey(list: unknown): ReadonlyMap<RecordKey, JsonObject> {
  const records = Array.isArray(list) ? list.filter(isJsonObject) : [];
  return new Map(records.map((record) => [asText(record[keyField]), record] as const));
}

/** A page on a device: its requests are noted, so that the oracle can judge them. */
export class Client {
  readonly device: Device;
  readonly user: User;
  worker: Worker;
  session: OpenSession;
  page: WorkerMethods;
  readonly #stand: FaultStand;
  readonly #options: WorkerOptions;

  private constructor(stand: FaultStand, device: Device, worker: Worker, session: OpenSession, options: WorkerOptions) {
    this.#stand = stand;
    this.#options = options;
    this.device = device;
    this.user = 'ana';
    this.worker = worker;
    this.session = session;
    this.page = pageOf(worker, session);
  }

  static async open(stand: FaultStand, device: Device, options: WorkerOptions): Promise<Client> {
    const worker = device.startWorker(options);
    return new Client(stand, device, worker, await worker.signIn('ana'), options);
  }

  /** The worker is stopped, and another one started. */
  async restart(options: WorkerOptions = this.#options): Promise<void> {
    this.worker.kill();
    this.worker = this.device.startWorker(options);
    this.session = await this.worker.signIn('ana');
    this.page = pageOf(this.worker, this.session);
  }

  get #who(): { readonly device: string; readonly user: string } {
    return { device: this.device.name, user: this.user };
  }

  /** A write whose every text is one of a kind; null deletes. Gives the status. */
  async write(
    method: string,
    table: string,
    key: RecordKey,
    fields: readonly string[] | null,
    more: JsonObject = {},
  ): Promise<number> {
    const { recorder } = this.#stand;
    const values = fields === null ? null : Object.fromEntries(fields.map((name) => [name, recorder.value(this.user)]));
    const path = method === 'POST' ? `/api/${table}` : `/api/${table}/${encodeURIComponent(key)}`;
    const body =
      values === null ? undefined : { ...(method === 'PATCH' ? {} : { [keyField]: key }), ...more, ...values };
    return recorder.write(this.#who, { table, key, fields: values }, async () => {
      const { status } = await ask(this.session, method, path, body);
      return status;
    });
  }

  /** Makes visits, each with a note of its own, and gives their keys. */
  async makeVisits(count: number): Promise<readonly string[]> {
    const keys = Array.from({ length: count }, () => randomUUID());
    for (const key of keys) expect(await this.write('POST', 'visits', key, ['note'])).toBe(201);
    return keys;
  }

  async read(table: string, key: RecordKey): Promise<JsonObject | null> {
    return this.#stand.recorder.read(this.#who, { table, key }, async () => {
      const { status, record } = await ask(this.session, 'GET', `/api/${table}/${encodeURIComponent(key)}`);
      return status === 200 ? record : null;
    });
  }

  list(table: string, query = ''): Promise<PageAnswer> {
    return ask(this.session, 'GET', `/api/${table}${query}`);
  }

  /** One explicit run; its result, or the code of the error that ended it. */
  async run(mode: 'all' | 'unsynchronized' = 'all', full = false): Promise<string> {
    try {
      return (await this.session.engine.synchronize(randomUUID(), { mode, full, onBusy: 'queue' })).outcome;
    } catch (error) {
      if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
      throw error;
    }
  }

  /** What is here, when nothing is under way any more. */
  async state(): Promise<DeviceState> {
    const records: Record<string, ReadonlyMap<RecordKey, JsonObject>> = {};
    for (const table of judged) {
      const { body } = await this.list(table);
      records[table] = byKey(body);
    }
    return { ...this.#who, ...(await readStored(this.device.name, this.user)), records };
  }
}

/** The real server, a fault server in front of it, real engines over it, and the oracle that judges what became of it all. */
export class FaultStand {
  readonly fixture = new Fixture('embedded');
  recorder = new Recorder();
  #faults: FaultServer | undefined;
  #clients: Client[] = [];

  async start(): Promise<void> {
    await this.fixture.start();
    await noteEffects(this.fixture.server.database);
    this.#faults = await startFaultServer(this.fixture.server.url);
  }

  async stop(): Promise<void> {
    await this.#faults?.close();
    await this.fixture.stop();
  }

  get faults(): FaultServer {
    if (this.#faults === undefined) throw new Error('The fault server was not started.');
    return this.#faults;
  }

  /** Forgets the devices of the test before. */
  async begin(): Promise<void> {
    await forgetEffects(this.fixture.server.database);
    this.recorder = new Recorder();
    this.#clients = [];
    this.faults.plan = () => undefined;
    this.faults.seen.length = 0;
  }

  /** A new device of ana's, on which nothing is stored. */
  async client(options: WorkerOptions = {}): Promise<Client> {
    const client = await Client.open(this, new Device(this.fixture), { origin: this.faults.url, ...options });
    this.#clients.push(client);
    return client;
  }

  /** How many requests of a path came. */
  count(path: string): number {
    return this.faults.seen.filter((request) => request.path === path).length;
  }

  /** Faults off, everyone synchronizes until quiet; then O1 to O8 hold. */
  async holds(): Promise<void> {
    this.faults.plan = () => undefined;
    await this.faults.accept();
    for (let round = 0; round < 2; round += 1) {
      for (const client of this.#clients) {
        client.device.advance(3_700_000);
        client.device.claimsOnline = true;
        expect(await client.run()).toMatch(/finished|partial/);
      }
    }
    const states = await Promise.all(this.#clients.map((client) => client.state()));
    const there = new Map<string, ReadonlyMap<RecordKey, JsonObject>>();
    for (const table of judged) {
      const { body } = await this.fixture.request('GET', `/api/${table}?limit=10000`);
      there.set(table, byKey(body));
    }
    const effects = await effectsOf(this.fixture.server.database);
    const violations = this.recorder.judge(effects, states, (_user, table) => there.get(table) ?? new Map(), judged);
    expect(violations).toEqual([]);
    for (const { device } of this.#clients) {
      expect(overlappingRuns(device.events)).toEqual([]);
      for (const event of device.events) {
        if (event.type === 'finished' && event.result.outcome === 'failed')
          expect(event.result.error?.code).toBeTruthy();
      }
    }
  }
}
