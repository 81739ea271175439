import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe } from 'vitest';
import type { RunningServer, ServerOptions } from '../../demo/server/server.ts';
import { isJsonObject, type Json, type JsonObject } from '../../sw/protocol/record.ts';
import { startDemoServer } from '../support/demo-server.ts';
import { type PostgresCluster, startPostgres } from '../support/postgres.ts';

export type User = 'ana' | 'ben';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

/** A server for the tests of one `describe`, with the first 50 places. */
export class Fixture {
  readonly kind: 'embedded' | 'postgresql';
  #server: RunningServer | undefined;
  #cluster: PostgresCluster | undefined;

  constructor(kind: 'embedded' | 'postgresql') {
    this.kind = kind;
  }

  async start(options: ServerOptions = {}): Promise<void> {
    if (this.kind === 'postgresql') this.#cluster = await startPostgres();
    const databaseUrl = this.#cluster?.url;
    this.#server = await startDemoServer({
      places: 50,
      ...(databaseUrl === undefined ? {} : { databaseUrl }),
      ...options,
    });
    await this.#server.loaded;
  }

  async stop(): Promise<void> {
    await this.#server?.close();
    await this.#cluster?.stop();
  }

  get server(): RunningServer {
    if (this.#server === undefined) throw new Error('The server was not started.');
    return this.#server;
  }

  /** A connection of its own to the database, beside those of the server. */
  async connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.#cluster?.url });
    await client.connect();
    return client;
  }

  fetch(path: string, init: RequestInit & { readonly user?: User | null } = {}): Promise<Response> {
    const { user = 'ana', ...rest } = init;
    const headers = new Headers(rest.headers);
    if (user !== null) headers.set('Authorization', `Bearer ${user}-demo`);
    return fetch(`${this.server.url}${path}`, { ...rest, headers });
  }

  async request(
    method: string,
    path: string,
    options: { readonly user?: User | null; readonly body?: Json; readonly headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const { body, user, headers } = options;
    const response = await this.fetch(path, {
      method,
      ...(user === undefined ? {} : { user }),
      headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const parsed: Json = text === '' ? null : asJson(text);
    return { status: response.status, headers: response.headers, body: parsed };
  }

  async upload(
    changes: readonly JsonObject[],
    options: { readonly user?: User; readonly onConflict?: Record<string, string> } = {},
  ): Promise<JsonObject[]> {
    const { user = 'ana', onConflict = {} } = options;
    const request = { protocol: 1, schema: 1, device: 'device-1', run: 'run-00001', onConflict, changes };
    const { status, body } = await this.request('POST', '/sync/upload', { user, body: request });
    if (status !== 200) throw new Error(`The upload was answered ${status}: ${JSON.stringify(body)}`);
    return objectsOf(body, 'outcomes');
  }

  async download(tables: readonly JsonObject[], user: User = 'ana', schema = 1): Promise<Downloaded[]> {
    const response = await this.fetch('/sync/download', {
      method: 'POST',
      user,
      body: JSON.stringify({ protocol: 1, schema, tables }),
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`The download was answered ${response.status}: ${text}`);
    return readDownload(text);
  }

  /** The whole of a table as the user sees it, or what changed since the cursor. */
  async downloadTable(table: string, options: TableOptions = {}): Promise<Downloaded> {
    const { cursor = null, user = 'ana', scope = { type: 'all' } } = options;
    const [downloaded] = await this.download([{ table, scope, cursor }], user);
    if (downloaded === undefined) throw new Error('The download has no table.');
    return downloaded;
  }
}

interface TableOptions {
  readonly cursor?: string | null;
  readonly user?: User;
  readonly scope?: JsonObject;
}

export interface Downloaded {
  readonly table: string;
  readonly full: boolean;
  readonly snapshot: string;
  readonly cursor: string;
  readonly count: number;
  readonly records: readonly JsonObject[];
  readonly versions: readonly string[];
  readonly removals: readonly Json[];
}

export function asJson(text: string): Json {
  const value: unknown = JSON.parse(text);
  if (!isJson(value)) throw new Error('Not JSON');
  return value;
}

function isJson(value: unknown): value is Json {
  return value !== undefined;
}

export function asObject(value: Json | undefined): JsonObject {
  if (!isJsonObject(value)) throw new Error(`${JSON.stringify(value)} is no object.`);
  return value;
}

/** A key or another text of a record; a number as text. */
export function asText(value: Json | undefined): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw new Error(`${JSON.stringify(value)} is no text.`);
}

export function arrayOf(value: Json | undefined): readonly Json[] {
  if (!isArray(value)) throw new Error(`${JSON.stringify(value)} is no array.`);
  return value;
}

function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export function objectsOf(value: Json, name: string): JsonObject[] {
  return arrayOf(asObject(value)[name]).map(asObject);
}

/** Reads the marks in their order, and fails where one is missing or counts wrongly. */
export function readDownload(text: string): Downloaded[] {
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new Error('The last line is cut.');
  const next = (): JsonObject => asObject(asJson(lines.shift() ?? 'null'));
  const start = next();
  if (start['type'] !== 'start') throw new Error('The download has no start mark.');
  const tables: Downloaded[] = [];
  for (;;) {
    const opening = next();
    if (opening['type'] === 'finish') break;
    if (opening['type'] !== 'table') throw new Error(`A table mark was due, not ${JSON.stringify(opening)}.`);
    const records: JsonObject[] = [];
    const versions: string[] = [];
    const removals: Json[] = [];
    let mark = next();
    for (; mark['type'] !== 'end'; mark = next()) {
      if (mark['type'] === 'removals') removals.push(...arrayOf(mark['keys']));
      else {
        for (let left = Number(mark['count']); left > 0; left -= 1) records.push(next());
        versions.push(...arrayOf(mark['versions']).map(String));
      }
    }
    if (records.length !== versions.length) throw new Error('There is not a version for each record.');
    tables.push({
      table: asText(opening['table']),
      full: opening['full'] === true,
      snapshot: asText(opening['snapshot']),
      cursor: asText(mark['cursor']),
      count: Number(mark['count']),
      records,
      versions,
      removals,
    });
  }
  if (lines.length > 0 || tables.length !== start['tables']) throw new Error('The finish mark is not the end.');
  return tables;
}

/** The same tests on the embedded database and on PostgreSQL. */
export function onBothDatabases(subject: string, define: (fixture: Fixture) => void, options?: ServerOptions): void {
  describe.each(['embedded', 'postgresql'] as const)(`${subject} on the %s database`, (kind) => {
    const fixture = new Fixture(kind);
    beforeAll(() => fixture.start(options));
    afterAll(() => fixture.stop());
    define(fixture);
  });
}

export const newId = (): string => randomUUID();

export function visit(fields: JsonObject = {}): JsonObject {
  return { id: newId(), note: 'A visit', ...fields };
}

export function create(table: string, record: JsonObject, keyField = 'id'): JsonObject {
  return { type: 'create', mutationId: newId(), table, key: record[keyField] ?? null, record };
}

export function update(table: string, record: JsonObject, options: JsonObject): JsonObject {
  const key = record['id'] ?? record['Code'] ?? null;
  return { type: 'update', mutationId: newId(), table, key, record, baseVersion: null, ...options };
}

export function remove(table: string, key: Json, baseVersion: Json = null): JsonObject {
  return { type: 'delete', mutationId: newId(), table, key, baseVersion };
}

export function command(path: string, body: Json = null): JsonObject {
  return { type: 'command', mutationId: newId(), method: 'POST', path, body };
}
