import type { Page } from 'playwright';
import { isJsonObject, type JsonObject, type RecordKey } from '../../../sw/protocol/record.ts';
import type { Recorder } from '../../support/faults/recorder.ts';
import type { Plan } from '../../support/faults/passage.ts';
import { drop } from '../../support/faults/plans.ts';
import type { Table } from './apps.ts';

/** What became of a call that was made until a worker answered it. */
export interface Insisted {
  readonly value: unknown;
  /** Of the error with which it was refused. */
  readonly code: string | null;
  /** A worker was lost over it. */
  readonly isLost: boolean;
}

export interface DeviceOptions {
  /** @default 'here' */
  readonly name?: string;
  readonly page: Page;
  readonly user: string;
  readonly recorder: Recorder;
  /** What befalls the requests of its worker. */
  readonly ledger: { fault: Plan };
  /** The server's own address, as another device of the user asks it. */
  readonly serverUrl: string;
}

/** A page of one user, and what another device of the same user does meanwhile. Texts that are written are one of a kind. */
export class SweptDevice {
  readonly page: Page;
  readonly user: string;
  readonly who: { readonly device: string; readonly user: string };
  /** Whether the second version of the worker's script is served. */
  isUpdated = false;
  readonly #options: DeviceOptions;

  constructor(options: DeviceOptions) {
    this.#options = options;
    this.page = options.page;
    this.user = options.user;
    this.who = { device: options.name ?? 'here', user: options.user };
  }

  set fault(plan: Plan) {
    this.#options.ledger.fault = plan;
  }

  set isOnline(isOnline: boolean) {
    this.fault = isOnline ? () => undefined : drop;
  }

  /** A key that no other case has. */
  key(name: string): string {
    return `${this.user}-${name}`;
  }

  /** Calls the client's method until a worker answers. */
  call(expression: string): Promise<Insisted> {
    return this.page.evaluate<Insisted>(`insist(() => holdfast.${expression})`);
  }

  async run(options: object = {}): Promise<string> {
    const asked = JSON.stringify({ mode: 'all', onBusy: 'queue', onPartial: 'return', ...options });
    const { value, code } = await this.call(`synchronize(${asked}).then(({ outcome }) => outcome)`);
    return typeof value === 'string' ? value : String(code);
  }

  /** Texts that nobody else writes, one for each field. */
  values(fields: readonly string[], author = this.user): Record<string, string> {
    return Object.fromEntries(fields.map((field) => [field, this.#options.recorder.value(author)]));
  }

  /** Notes what was set if `send` gives a status that says it was stored. */
  note(
    what: { readonly table: Table; readonly key: RecordKey; readonly fields: Readonly<Record<string, string>> | null },
    send: () => Promise<number>,
  ): Promise<number> {
    return this.#options.recorder.write(this.who, what, send);
  }

  /** A page's plain `fetch`: a write of these fields; null deletes. It is stored, whatever becomes of the worker. */
  async write(
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    table: Table,
    key: RecordKey,
    fields: readonly string[] | null,
    more: JsonObject = {},
  ): Promise<void> {
    const values = fields === null ? null : this.values(fields);
    const path = method === 'POST' ? `/api/${table}` : `/api/${table}/${key}`;
    const body = values === null ? null : { ...(method === 'PATCH' ? {} : { id: key }), ...more, ...values };
    const status = await this.note({ table, key, fields: values }, () => this.fetch(method, path, body));
    if (status >= 300) throw new Error(`${method} ${path} was answered ${status}`);
  }

  /** Makes an item, whose key is the server's to make. */
  async makeItem(more: JsonObject): Promise<void> {
    const values = this.values(['a']);
    const what: { table: Table; key: RecordKey; fields: typeof values } = { table: 'items', key: '', fields: values };
    const status = await this.note(what, async () => {
      const [answered, text] = await this.page.evaluate<[number, string], string>(
        async (sent) => {
          const headers = { 'Content-Type': 'application/json' };
          const answer = await fetch('/api/items', { method: 'POST', headers, body: sent });
          return [answer.status, await answer.text()];
        },
        JSON.stringify({ ...more, ...values }),
      );
      const made: unknown = JSON.parse(text);
      const key = isJsonObject(made) ? made['id'] : undefined;
      if (typeof key === 'string' || typeof key === 'number') what.key = key;
      return answered;
    });
    if (status >= 300) throw new Error(`An item was answered ${status}`);
  }

  async fetch(method: string, path: string, body: JsonObject | null): Promise<number> {
    const sent = body === null ? null : JSON.stringify(body);
    return this.page.evaluate(
      async (call) => {
        const headers = { 'Content-Type': 'application/json' };
        const { status } = await fetch(call.path, { method: call.method, body: call.sent, headers });
        return status;
      },
      { method, path, sent },
    );
  }

  /** Reads every record that was written, as a page does. */
  async readAll(): Promise<void> {
    const { writes } = this.#options.recorder;
    const written = new Map(writes.map(({ table, key }) => [`${table}/${key}`, { table, key }] as const));
    for (const { table, key } of written.values()) await this.read(table, key);
  }

  /** What a page is answered: the record, or null where there is none. */
  read(table: string, key: RecordKey): Promise<JsonObject | null> {
    return this.#options.recorder.read(this.who, { table, key }, async () => {
      const text = await this.page.evaluate(async (address) => {
        const answer = await fetch(address);
        return answer.ok ? answer.text() : null;
      }, `/api/${table}/${key}`);
      const record: unknown = text === null ? null : JSON.parse(text);
      return isJsonObject(record) ? record : null;
    });
  }

  /** Closes a visit by a command. */
  async close(key: string): Promise<void> {
    await this.fetch('POST', `/api/visits/${key}/close`, {});
  }

  /** What another device wrote on the server. */
  async elsewhere(
    method: 'PUT' | 'PATCH' | 'DELETE',
    table: Table,
    key: string,
    fields: readonly string[] = [],
  ): Promise<void> {
    const values = { ...(method === 'PUT' ? { id: key } : {}), ...this.values(fields, '') };
    const response = await this.serverFetch(method, `/api/${table}/${key}`, JSON.stringify(values));
    if (!response.ok) throw new Error(`${method} of ${table} ${key} on the server: ${response.status}`);
  }

  serverFetch(method: string, path: string, body: string | Uint8Array<ArrayBuffer> | null): Promise<Response> {
    const headers = {
      Authorization: `Bearer ${this.user}-demo`,
      'Content-Type': typeof body === 'string' ? 'application/json' : 'application/octet-stream',
    };
    const sent = method === 'DELETE' ? null : body;
    return fetch(`${this.#options.serverUrl}${path}`, { method, headers, body: sent });
  }

  /** The server's records of this user. */
  async there(table: Table): Promise<ReadonlyMap<RecordKey, JsonObject>> {
    const response = await this.serverFetch('GET', `/api/${table}?limit=10000`, null);
    const list: unknown = await response.json();
    return byKey(list);
  }

  /** Opens the app anew. */
  async open(url: string): Promise<void> {
    await this.page.goto(url);
    await this.page.waitForFunction('globalThis.holdfast !== undefined && navigator.serviceWorker.controller !== null');
  }

  async signIn(): Promise<void> {
    await this.call(`signIn({ user: ${JSON.stringify(this.user)} })`);
  }

  async ready(): Promise<void> {
    await this.page.evaluate('holdfast.ready.then(() => null)');
  }
}

/** The records of a list, by key. */
export function byKey(list: unknown): ReadonlyMap<RecordKey, JsonObject> {
  const records = Array.isArray(list) ? list.filter(isJsonObject) : [];
  return new Map(
    records.flatMap((record) => {
      const { id } = record;
      return typeof id === 'string' || typeof id === 'number' ? [[id, record] as const] : [];
    }),
  );
}
