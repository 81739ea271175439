import type { Reply, WorkerMethods } from '../../../sw/protocol/api.ts';
import { isJsonObject, type JsonObject, type RecordKey } from '../../../sw/protocol/record.ts';
import {
  apart,
  phantoms,
  type AnsweredRead,
  type AnsweredWrite,
  type DeviceState,
  type Evidence,
  type Violation,
} from '../../support/oracle.ts';
import { ReferenceServer } from '../../support/reference/reference-server.ts';
import { referenceTables } from '../../support/reference/tables.ts';
import { Clock } from './clock.ts';
import { fieldNames, tableNames, type Command, type TableName, type User } from './commands.ts';
import { Device, WorkerStoppedError, type PageAnswer } from './device.ts';
import { Network } from './network.ts';
import { Random } from './random.ts';
import { readStored } from './stored.ts';
import type { WorkerContext } from './worker.ts';
import { forgetConnections, installDatabases, untilIdle } from './tasks.ts';

const keyNames = ['k0', 'k1', 'k2'];

/** More requests of one device than this between two commands are a loop. */
const requestsAtOnce = 60;

function keyOf(table: TableName, index: number): RecordKey {
  return table === 'products' ? index + 1 : `${keyNames[index % keyNames.length]}`;
}

/** Devices, a network and a server, in which nothing moves but by the commands and the seed. */
export class World {
  readonly clock = new Clock();
  readonly random: Random;
  readonly server = new ReferenceServer();
  readonly network: Network;
  readonly devices: readonly Device[];
  readonly writes: AnsweredWrite[] = [];
  readonly reads: AnsweredRead[] = [];
  readonly violations: Violation[] = [];
  readonly #authors = new Map<string, string>();
  readonly #excused = new Set<string>();
  /** Records of which a user threw a failed deletion away. */
  readonly #discarded = new Set<string>();
  readonly #signedIn = new Map<Device, User>();
  /** Who has ever signed in on a device, and may have left work there. */
  readonly #ever = new Map<Device, Set<User>>();
  #ids = 0;
  #values = 0;
  #steps = 0;

  constructor(seed: number, devices: number, onEffect: WorkerContext['onEffect'] = () => 'go on') {
    this.random = new Random(seed);
    this.network = new Network(this.server, this.random);
    this.clock.install();
    forgetConnections();
    const context = {
      clock: this.clock,
      random: this.random,
      network: this.network,
      onEffect,
      newId: () => {
        this.#ids += 1;
        return `00000000-0000-7000-8000-${this.#ids.toString(16).padStart(12, '0')}`;
      },
    };
    this.devices = Array.from({ length: devices }, (_v, index) => {
      const name = `device${index}`;
      const device: Device = new Device(name, { ...context, cookie: () => this.#signedIn.get(device) ?? 'ana' });
      return device;
    });
    installDatabases((name) => {
      const id = /^holdfast:(device\d+~\d+)/.exec(name)?.[1] ?? '';
      return this.devices.find((device) => id.startsWith(`${device.name}~`))?.owners.get(id);
    });
  }

  /** Signs everybody in, downloads nothing. */
  async start(): Promise<void> {
    for (const [index, device] of this.devices.entries()) {
      this.#signIn(device, device.pages[0] ?? '', index % 3 === 2 ? 'ben' : 'ana');
    }
    await untilIdle();
  }

  #value(author: string): string {
    this.#values += 1;
    const value = `w${this.#values}`;
    this.#authors.set(value, author);
    return value;
  }

  #tick(): number {
    this.#steps += 1;
    return this.#steps;
  }

  #complain(oracle: Violation['oracle'], message: string): void {
    this.violations.push({ oracle, message });
  }

  /** Does a command's work up to where it waits for the network or a timer. */
  async perform(command: Command, moves: number): Promise<void> {
    for (const device of this.devices) this.network.counts.set(device.name, 0);
    this.#tick();
    this.#begin(command);
    await untilIdle();
    for (let left = command.type === 'move' ? command.steps : moves; left > 0; left -= 1) {
      if (!(await this.move())) break;
    }
    for (const device of this.devices) {
      if (this.network.runsOf(device.name) > 1) this.#complain('O8', `two runs at once on ${device.name}`);
      const count = this.network.counts.get(device.name) ?? 0;
      if (count > requestsAtOnce) this.#complain('O8', `${count} requests at once by ${device.name}`);
    }
  }

  /** Moves one event of the network, or a timer that is due soon. */
  async move(withinMs = 200): Promise<boolean> {
    this.#tick();
    for (const device of this.devices) device.endReplaced();
    const isTimersTurn = this.random.next() < 0.3;
    const moved = (isTimersTurn && this.clock.fire(200)) || this.network.step() || this.clock.fire(withinMs);
    await untilIdle();
    return moved;
  }

  #begin(command: Command): void {
    switch (command.type) {
      case 'time':
        this.clock.jump(command.byMs);
        return;
      case 'move':
        return;
      case 'server-write': {
        const { table, key, field, user } = command;
        const value = this.#value('');
        const where = keyOf(table, key);
        const owner = table === 'products' ? '' : user;
        this.server.write(table, where, { [field]: value }, owner);
        return;
      }
      case 'server-delete': {
        const where = keyOf(command.table, command.key);
        if (this.server.find(command.table, where) !== undefined)
          this.server.write(command.table, where, null, command.user);
        return;
      }
      default: {
        const device = this.devices[command.device % this.devices.length];
        const page = device?.pages[command.page % device.pages.length];
        if (device !== undefined && page !== undefined) this.#onDevice(device, page, command);
      }
    }
  }

  #onDevice(
    device: Device,
    page: string,
    command: Exclude<Command, { readonly type: 'time' | 'move' | 'server-write' | 'server-delete' }>,
  ): void {
    switch (command.type) {
      case 'write':
        this.#write(device, page, command);
        return;
      case 'read':
        this.#read(device, page, command.table, keyOf(command.table, command.key));
        return;
      case 'list':
        this.#list(device, page, command.table);
        return;
      case 'close':
        this.#close(device, page, String(keyOf('visits', command.key)));
        return;
      case 'synchronize': {
        const { mode, full, onBusy } = command;
        void this.#call(device, page, 'synchronize', (methods) =>
          methods.synchronize(`call-${this.#tick()}`, { mode, full, onBusy, onPartial: 'return' }),
        );
        return;
      }
      case 'trigger':
        void this.#call(device, page, 'requestRun', (methods) => methods.requestRun(command.trigger));
        return;
      case 'cancel':
        void this.#call(device, page, 'cancel', (methods) => methods.cancel(null));
        return;
      case 'set-status': {
        // What is marked is sent again as it is, and what is held may be replaced: no claim is made of either.
        for (const write of this.writes) {
          if (write.device === device.name && write.table === command.table) this.#excuse(write);
        }
        const filter = `${command.field} IS NOT NULL`;
        void this.#call(device, page, 'setStatus', (methods) =>
          methods.setStatus(command.table, command.status, filter, {}),
        );
        return;
      }
      case 'failure':
        this.#settleFailure(device, page, command);
        return;
      case 'sign-in':
        this.#signIn(device, page, command.user);
        return;
      case 'open-page':
        device.openPage();
        return;
      case 'stop-worker':
        device.stopWorker(command.afterSteps);
        return;
      case 'replace-worker':
        device.replaceWorker();
        return;
      case 'break-connections':
        device.breakConnections();
        return;
      case 'network-fault':
        this.network.addFault(device.name, command.kind, command.fault);
        return;
      case 'connectivity':
        this.network.setOnline(device.name, command.isOnline);
    }
  }

  #excuse(write: AnsweredWrite): void {
    for (const value of Object.values(write.fields ?? {})) this.#excused.add(value);
  }

  #call<T>(
    device: Device,
    page: string,
    name: string,
    call: (methods: WorkerMethods) => Promise<Reply<T>>,
  ): Promise<T | null> {
    return device.call(page, name, call).then(
      (reply) => {
        if (reply.ok) return reply.value;
        if (reply.error.message === '') {
          this.#complain('O6', `${name} failed without a message`);
        }
        return null;
      },
      (error: unknown) => {
        if (!(error instanceof WorkerStoppedError)) this.#complain('O6', `${name} threw ${String(error)}`);
        return null;
      },
    );
  }

  #signIn(device: Device, page: string, user: User): void {
    void this.#call(device, page, 'signIn', (methods) => methods.signIn({ user })).then((isDone) => {
      if (isDone !== true) return;
      this.#signedIn.set(device, user);
      this.#ever.set(device, (this.#ever.get(device) ?? new Set()).add(user));
      // The app reloads its pages when somebody else signs in.
      device.pages = [];
      device.openPage();
    });
  }

  #write(device: Device, page: string, command: Extract<Command, { readonly type: 'write' }>): void {
    const { table, method, fields, isRejected, withKey } = command;
    const key = keyOf(table, command.key);
    const user = this.#signedIn.get(device) ?? '';
    const values = Object.fromEntries(fields.map((field) => [field, this.#value(user)]));
    const keyField = referenceTables[table]?.key ?? 'id';
    const extra: JsonObject = {
      ...(isRejected ? { rating: 9 } : method === 'PATCH' ? {} : { rating: 1 }),
      ...(table === 'lines' && method !== 'PATCH' ? { visitId: 'k0' } : {}),
    };
    const record = method === 'PATCH' ? { ...values, ...extra } : { [keyField]: key, ...values, ...extra };
    const startedAt = this.#tick();
    const path = method === 'POST' ? `/api/${table}` : `/api/${table}/${String(key)}`;
    const body = method === 'DELETE' ? null : JSON.stringify(record);
    const idempotencyKey = withKey ? `key-${startedAt}` : null;
    this.#fetch(device, page, { method, path, body, idempotencyKey }, (answer) => {
      if (answer.status >= 300) return;
      // A PUT or POST sets every field; those that it does not name are taken away.
      const cleared = method === 'PUT' ? fieldNames.filter((field) => !fields.includes(field)) : [];
      this.writes.push({
        ...{ device: device.name, user, table, key, startedAt, endedAt: this.#tick() },
        fields: method === 'DELETE' ? null : { ...Object.fromEntries(cleared.map((field) => [field, ''])), ...values },
      });
    });
  }

  #read(device: Device, page: string, table: TableName, key: RecordKey): void {
    const user = this.#signedIn.get(device) ?? '';
    const startedAt = this.#tick();
    const path = `/api/${table}/${String(key)}`;
    this.#fetch(device, page, { method: 'GET', path, body: null, idempotencyKey: null }, (answer) => {
      if (answer.status !== 200 && answer.status !== 404) return;
      const record = answer.status === 404 ? null : parsedText(answer.text);
      if (record === undefined) return;
      this.#learn({
        device: device.name,
        user,
        table,
        key,
        startedAt,
        endedAt: this.#tick(),
        record: objectOf(record),
      });
    });
  }

  #list(device: Device, page: string, table: TableName): void {
    const user = this.#signedIn.get(device) ?? '';
    const startedAt = this.#tick();
    this.#fetch(device, page, { method: 'GET', path: `/api/${table}`, body: null, idempotencyKey: null }, (answer) => {
      if (answer.status !== 200) return;
      const list = parsedText(answer.text);
      const endedAt = this.#tick();
      const keyField = referenceTables[table]?.key ?? 'id';
      for (const record of Array.isArray(list) ? list.filter(isJsonObject) : []) {
        const key = record[keyField];
        if (typeof key !== 'string' && typeof key !== 'number') continue;
        this.#learn({ device: device.name, user, table, key, startedAt, endedAt, record });
      }
    });
  }

  #learn(read: AnsweredRead): void {
    this.reads.push(read);
    const authorOf = (value: string): string | undefined => this.#authors.get(value);
    this.violations.push(...phantoms(read, { authorOf }, read.table === 'products'));
  }

  #close(device: Device, page: string, key: string): void {
    const user = this.#signedIn.get(device) ?? '';
    const stamp = this.#value(user);
    const startedAt = this.#tick();
    const body = JSON.stringify({ stamp });
    const request = { method: 'POST', path: `/api/visits/${key}/close`, body, idempotencyKey: null };
    this.#fetch(device, page, request, (answer) => {
      if (answer.status !== 202) return;
      const fields = { closed: stamp };
      const where = { device: device.name, user, table: 'visits', key };
      this.writes.push({ ...where, fields, isCommand: true, startedAt, endedAt: this.#tick() });
    });
  }

  #settleFailure(device: Device, page: string, command: Extract<Command, { readonly type: 'failure' }>): void {
    void this.#call(device, page, 'failures', (methods) => methods.failures({})).then(async (failures) => {
      const failure = failures?.[command.index];
      if (failure === undefined) return;
      for (const value of Object.values(objectOf(failure.content) ?? {})) {
        if (typeof value === 'string') this.#excused.add(value);
      }
      const { table, key } = failure;
      if (failure.operation === 'delete') this.#discarded.add(`${device.name} ${table} ${key}`);
      const stamp = objectOf(objectOf(failure.content)?.['body'])?.['stamp'];
      if (typeof stamp === 'string') this.#excused.add(stamp);
      await this.#call(device, page, command.what, (methods) => methods[command.what](failure.id));
    });
  }

  #fetch(
    device: Device,
    page: string,
    request: Parameters<Device['fetch']>[1],
    onAnswer: (answer: PageAnswer) => void,
  ): void {
    device.fetch(page, request).then(
      (answer) => {
        if (answer.status >= 400) {
          const problem = parsedText(answer.text);
          if (objectOf(problem)?.['code'] === undefined && answer.headers.get('Sync-Source') === 'local') {
            this.#complain('O6', `${request.method} ${request.path} was answered ${answer.status} without a code`);
          }
        }
        onAnswer(answer);
      },
      (error: unknown) => {
        // A read that was passed on to the network can break off there.
        const isCut = request.method === 'GET' && error instanceof TypeError && error.message === 'network error';
        if (!isCut && !(error instanceof WorkerStoppedError))
          this.#complain('O6', `${request.path} threw ${String(error)}`);
      },
    );
  }

  /** Moves everything on until nothing waits, or says that it does not end. */
  async #untilQuiet(what: string): Promise<void> {
    await untilIdle();
    for (let moves = 0; moves < 3_000; moves += 1) {
      const isWaited = this.devices.some((device) => device.open.length > 0);
      // What nobody waits for any more may still have a follow-up in some seconds.
      if (!(await this.move(isWaited ? 60_000 : 5_000)) && !isWaited) return;
    }
    const open = this.devices.flatMap((device) => device.open.map((each) => `${device.name}: ${each}`));
    this.#complain('O6', `${what} does not end; waiting: ${open.join(', ')}`);
  }

  /** Faults off; every user of every device synchronizes until all is quiet. */
  async quiet(): Promise<Evidence> {
    this.network.clearFaults();
    await this.#untilQuiet('the history');
    await this.#everyoneSynchronizes();
    let states = await this.#everyoneSynchronizes();
    const evidence = (): Evidence => ({
      writes: this.writes,
      reads: this.reads,
      effects: this.server.effects.all,
      devices: states,
      server: (user, table) =>
        new Map([...this.server.readable(table, user)].map(([key, row]) => [key, row.record] as const)),
      tables: tableNames,
      authorOf: (value) => this.#authors.get(value),
      isDiscarded: ({ device, table, key }) => this.#discarded.has(`${device} ${table} ${key}`),
      isExcused: (value) => value === '' || this.#excused.has(value),
    });
    // What a device could send only in the last round is with the others after one more.
    if (apart(evidence()).length > 0) states = await this.#everyoneSynchronizes();
    return evidence();
  }

  async #everyoneSynchronizes(): Promise<DeviceState[]> {
    const states: DeviceState[] = [];
    for (const device of this.devices) {
      const now = this.#signedIn.get(device);
      const ever = [...(this.#ever.get(device) ?? [])];
      // Whoever is signed in comes first, as they are.
      for (const user of ever.sort((a, b) => Number(b === now) - Number(a === now))) {
        this.#signIn(device, device.pages[0] ?? '', user);
        this.clock.jump(3_700_000);
        await this.#untilQuiet('a sign-in');
        states.push(await this.#synchronize(device, user));
      }
    }
    return states;
  }

  async #synchronize(device: Device, user: User): Promise<DeviceState> {
    const page = device.pages[0] ?? '';
    const options = { mode: 'all', onBusy: 'queue', onPartial: 'return' } as const;
    void this.#call(device, page, 'synchronize', (methods) => methods.synchronize(`quiet-${this.#tick()}`, options));
    await this.#untilQuiet('a synchronization');
    const records: Record<string, ReadonlyMap<RecordKey, JsonObject>> = {};
    const before = this.reads.length;
    for (const table of tableNames) this.#list(device, page, table);
    await this.#untilQuiet('a list');
    const listed = this.reads.splice(before);
    for (const table of tableNames) {
      const own = listed.filter((read) => read.table === table);
      records[table] = new Map(own.flatMap((read) => (read.record === null ? [] : [[read.key, read.record] as const])));
    }
    const { unsent, failures } = await readStored(device.name, user);
    const stated: DeviceState['unsent'][number][] = [];
    for (const each of unsent) {
      if (each.state !== 'pending' || each.table === '') {
        stated.push(each);
        continue;
      }
      const status = this.#call(device, page, 'statusOf', (methods) => methods.statusOf(each.table, each.key));
      await this.#untilQuiet('a status');
      stated.push({ ...each, state: (await status)?.detail ?? each.state });
    }
    return { device: device.name, user, records, unsent: stated, failures };
  }
}

function objectOf(value: unknown): JsonObject | null {
  return isJsonObject(value) ? value : null;
}

/** Undefined for what is no JSON: a body from the network that was cut. */
function parsedText(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}
