import 'fake-indexeddb/auto';
import { randomUUID } from 'node:crypto';
import { batchBackend } from '../../sw/backend/batch-backend.ts';
import type { Backend } from '../../sw/backend/backend.ts';
import type { SyncEvent } from '../../sw/protocol/events.ts';
import {
  isJsonObject,
  isMutationId,
  type JsonObject,
  type JsonRecord,
  type RecordKey,
} from '../../sw/protocol/record.ts';
import type { Encryption } from '../../sw/store/encryption.ts';
import type { Migrate } from '../../sw/store/migrate-row.ts';
import type { TableOptions } from '../../sw/store/schema.ts';
import { parseSchema } from '../../sw/store/parse-schema.ts';
import { readView } from '../../sw/store/view.ts';
import type { WriteResult } from '../../sw/store/record-write.ts';
import { writeRecord } from '../../sw/store/write.ts';
import type { HeadersFunction } from '../../sw/sync/made-headers.ts';
import { createSessions } from '../../sw/sync/create-sessions.ts';
import type { OpenSession, Sessions } from '../../sw/sync/sessions.ts';
import { LockSpace } from '../support/locks.ts';
import { MemoryWitness } from '../support/memory-witness.ts';
import type { Fixture, User } from './server-fixture.ts';

export const tasks = {
  path: '/api/tasks',
  key: 'id',
  serverKeys: true,
  columns: { id: 'number', visitId: 'string', afterId: 'number' },
  references: { visitId: 'visits', afterId: 'tasks' },
} as const satisfies TableOptions;

const tables: Readonly<Record<string, TableOptions>> = {
  places: { path: '/api/places', key: 'id', columns: { name: { type: 'string', index: true }, country: 'string' } },
  products: { path: '/api/products', key: 'Code', columns: { Code: 'number', Name: 'string', Stock: 'number' } },
  visits: { path: '/api/visits', key: 'id', references: { placeId: 'places' }, conflict: 'merge' },
  tasks,
  lines: { path: '/api/lines', key: 'id', references: { visitId: 'visits', productCode: 'products' } },
  photos: { path: '/api/photos', key: 'id', references: { visitId: 'visits' }, file: 'content' },
};

type Fetch = (input: string | Request, init?: RequestInit) => Promise<Response>;

/** Makes the network of a device: given the request's path and the real network, it answers or fails. */
export type Network = (
  path: string,
  forward: () => Promise<Response>,
  headers: Headers,
  method: string,
  body?: unknown,
) => Promise<Response>;

export interface WorkerOptions {
  /** @default those of the demo's users */
  readonly headers?: HeadersFunction | null;
  /** @default version 1 with the demo's tables */
  readonly schema?: { readonly version: number; readonly tables: Readonly<Record<string, TableOptions>> };
  readonly migrate?: Migrate;
  /** @default that of the batch protocol */
  readonly backend?: Backend;
  /** @default none */
  readonly encryption?: Encryption;
  /** Where the app and its server are. @default the server itself */
  readonly origin?: string;
  readonly onEvent?: (user: string, event: SyncEvent) => void;
}

/** One device: its databases, its locks, and the workers that come and go on it. */
export class Device {
  readonly #fixture: Fixture;
  readonly #tables: Readonly<Record<string, TableOptions>>;
  readonly name = `engine-${randomUUID()}`;
  readonly #locks = new LockSpace();
  /** What is noted beside the databases. */
  readonly witness = new MemoryWitness();
  #workers = 0;
  #now = Date.now();
  network: Network = (_path, forward) => forward();
  /** The browser's word on connectivity. */
  claimsOnline = true;
  readonly events: SyncEvent[] = [];
  /** The client ids of its open pages. */
  openPages: readonly string[] = [];

  constructor(fixture: Fixture, declared: Readonly<Record<string, TableOptions>> = tables) {
    this.#fixture = fixture;
    this.#tables = declared;
  }

  get now(): number {
    return this.#now;
  }

  /** Moves the device's clock on, or back. */
  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** A worker as it starts: nothing in its memory, the same databases. */
  startWorker(options: WorkerOptions = {}): Worker {
    this.#workers += 1;
    const owner = `worker-${this.#workers}`;
    let isAlive = true;
    let isReplaced = false;
    const fetchOfWorker: Fetch = async (input, init) => {
      const url = new URL(typeof input === 'string' ? input : input.url);
      const headers = new Headers(init?.headers);
      const aborted = new Promise<never>((_resolve, reject) => {
        init?.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
      });
      const answer = await Promise.race([
        this.network(url.pathname, () => fetch(url, { ...init, headers }), headers, init?.method ?? 'GET', init?.body),
        aborted,
      ]);
      // A stopped worker hears no answer.
      if (!isAlive) await new Promise<never>(() => undefined);
      return answer;
    };
    const sessions = createSessions({
      name: this.name,
      schema: parseSchema(options.schema?.version ?? 1, options.schema?.tables ?? this.#tables),
      migrate: options.migrate ?? null,
      encryption: options.encryption ?? null,
      backend: options.backend ?? batchBackend({ url: '/sync' }),
      origin: options.origin ?? this.#fixture.server.url,
      headers:
        options.headers === undefined ? ({ user }) => ({ Authorization: `Bearer ${user}-demo` }) : options.headers,
      announce: (user, event) => {
        this.events.push(event);
        options.onEvent?.(user, event);
      },
      environment: {
        now: () => (this.#now += 1),
        random: () => 0.5,
        incarnation: randomUUID(),
        newId: () => randomUUID(),
        fetch: fetchOfWorker,
        locks: this.#locks.agent(owner),
        witness: this.witness,
        openClients: () => Promise.resolve(this.openPages),
        isOnline: () => this.claimsOnline,
        registerSync: () => Promise.resolve(false),
        isReplaced: () => isReplaced,
      },
    });
    return new Worker(sessions, {
      kill: () => {
        isAlive = false;
        this.#locks.kill(owner);
      },
      replace: () => {
        isReplaced = true;
      },
    });
  }
}

export class Worker {
  readonly sessions: Sessions;
  /** Ends the worker as a browser does: its locks are free, nothing that it waits for comes. */
  readonly kill: () => void;
  /** Tells it that another is to be the active worker. */
  readonly replace: () => void;

  constructor(sessions: Sessions, { kill, replace }: Pick<Worker, 'kill' | 'replace'>) {
    this.sessions = sessions;
    this.kill = kill;
    this.replace = replace;
  }

  async signIn(user: User): Promise<OpenSession> {
    return this.sessions.signIn(user, null);
  }
}

/** Something that one side of a test waits for and the other gives. */
export function signal(): { readonly given: Promise<void>; readonly give: () => void } {
  let give = (): void => undefined;
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give: () => give() };
}

/** Writes as a page's PUT or DELETE does. */
export function write(
  session: OpenSession,
  table: string,
  key: RecordKey,
  record: JsonObject | null,
): Promise<WriteResult> {
  const mutationId = randomUUID();
  if (!isMutationId(mutationId)) throw new Error('not an id');
  return writeRecord(
    session.database,
    session.base,
    {
      table,
      key,
      operation: record === null ? 'delete' : 'put',
      content: () => JSON.stringify(record),
      keyIsNew: false,
      fetched: null,
      mutationId,
      schema: session.schema.version,
    },
    session.environment.now(),
  );
}

export interface Seen {
  readonly record: JsonRecord | null;
  readonly detail: string;
}

/** A record as a page sees it. */
export async function see(session: OpenSession, table: string, key: RecordKey): Promise<Seen> {
  const view = await readView(session.database, session.base, table, key);
  const record: unknown = view.text === null ? null : JSON.parse(view.text);
  return { record: isJsonObject(record) ? record : null, detail: view.detail };
}
