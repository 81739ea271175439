import { batchBackend } from '../../../sw/backend/batch-backend.ts';
import { onFetch } from '../../../sw/events/on-fetch.ts';
import type { WorkerMethods } from '../../../sw/protocol/api.ts';
import type { SyncEvent } from '../../../sw/protocol/events.ts';
import { createGroupMethods } from '../../../sw/router/group-route.ts';
import { parseCommand } from '../../../sw/router/match.ts';
import type { TableOptions } from '../../../sw/store/schema.ts';
import type { StoredCopy } from '../../../sw/store/migrate-row.ts';
import { parseSchema } from '../../../sw/store/parse-schema.ts';
import type { Environment } from '../../../sw/sync/environment.ts';
import type { Witness } from '../../../sw/store/witness.ts';
import { createSessions } from '../../../sw/sync/create-sessions.ts';
import { createWorkerMethods } from '../../../sw/sync/worker-methods.ts';
import { faultsOf } from '../../support/reference/tables.ts';
import type { LockSpace } from '../../support/locks.ts';
import type { MemoryWitness } from '../../support/memory-witness.ts';
import type { Clock } from './clock.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';
import { collectRoutes, type Route } from './routes.ts';
import { closeConnections, plainName, type Owner } from './tasks.ts';

const origin = 'https://app.example';

/** What a version of the app declares: every other one has a column more, so that the shape of the base changes, and asks the user. */
function tablesOf(version: number): Readonly<Record<string, TableOptions>> {
  const isOdd = version % 2 === 1;
  const columns = isOdd ? {} : ({ a: 'string' } as const);
  return {
    visits: { path: '/api/visits', key: 'id', conflict: 'merge', file: 'photo', columns },
    lines: {
      ...{ path: '/api/lines', key: 'id', references: { visitId: 'visits', taskId: 'tasks' } },
      conflict: isOdd ? 'last-write-wins' : 'manual',
    },
    products: { path: '/api/products', key: 'Code', columns: { Code: 'number', ...columns }, conflict: 'server-wins' },
    tasks: {
      ...{ path: '/api/tasks', key: 'id', columns: { id: 'number' }, serverKeys: true },
      ...{ conflict: 'merge', references: { afterId: 'tasks' }, file: 'photo' },
    },
  };
}

/** What the app does with copies of an older version: those that the server would refuse do not fit the next. */
function migrate(copy: StoredCopy, from: number): StoredCopy | null {
  return faultsOf(copy.record) === null ? { ...copy, record: { ...copy.record, madeIn: from } } : null;
}

export interface WorkerContext {
  readonly device: string;
  /** Of this worker among those of the device. */
  readonly number: number;
  /** Of the app and its schema. */
  readonly version: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly locks: LockSpace;
  readonly witness: MemoryWitness;
  readonly newId: () => string;
  /** The device's open pages. */
  readonly pages: () => readonly string[];
  readonly announce: (user: string, event: SyncEvent) => void;
  readonly onStopped: () => void;
  readonly onEffect: (device: string, effect: 'write' | 'request' | 'answer', owner: Owner) => 'go on' | 'fail';
  /** Who is signed in for the server, by the device's cookies. */
  readonly cookie: () => string;
}

/** A service worker of a device, from its start to its stop: the library's own code with nothing in its memory. */
export interface ModelWorker {
  readonly owner: Owner;
  readonly methods: (page: string) => WorkerMethods;
  readonly fetch: (page: string, request: Request) => Promise<Response>;
}

/** Contents of files are of ASCII here. */
function textOf(body: BodyInit | null | undefined): string {
  if (typeof body === 'string') return body;
  return body instanceof ArrayBuffer ? new TextDecoder().decode(body) : '';
}

/** The device's locks as this worker has them, under names that all its workers share. */
function locksOf(space: LockSpace, owner: string): LockManager {
  const agent = space.agent(owner);
  const request = (name: string, ...rest: [never, never]): Promise<unknown> => agent.request(plainName(name), ...rest);
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- the overloads of the platform
  return { request, query: () => agent.query() } as LockManager;
}

/** The device's notes as this worker has them: nothing is noted by one that was stopped. */
function witnessOf(witness: MemoryWitness, owner: Owner): Witness {
  const whileAlive = async <T>(work: () => Promise<T>): Promise<T> =>
    owner.isAlive ? work() : new Promise<never>(() => undefined);
  return {
    read: (name) => whileAlive(() => witness.read(name)),
    write: (name, note) => whileAlive(() => witness.write(name, note)),
    remove: (name) => whileAlive(() => witness.remove(name)),
  };
}

export function startWorker(context: WorkerContext): ModelWorker {
  const { device, clock, random, network, locks, newId } = context;
  const id = `${device}~${context.number}`;
  const owner: Owner = {
    id,
    isAlive: true,
    isReplaced: false,
    stepsLeft: Number.POSITIVE_INFINITY,
    onEffect: (effect) => context.onEffect(device, effect, owner),
    stop: () => {
      if (!owner.isAlive) return;
      owner.isAlive = false;
      locks.kill(id);
      closeConnections(owner);
      context.onStopped();
    },
  };
  const environment: Environment = {
    now: () => clock.now,
    random: random.next,
    newId,
    fetch: async (input, init) => {
      const request = typeof input === 'string' ? null : input;
      const url = new URL(typeof input === 'string' ? input : input.url, origin);
      const headers = Object.fromEntries(new Headers(init?.headers ?? request?.headers ?? {}));
      // The demo's cookies: a page's own request goes out as whoever is signed in.
      if (request !== null) headers['authorization'] = `Bearer ${context.cookie()}`;
      const body = textOf(init?.body);
      if (owner.onEffect('request') === 'fail') throw new TypeError('Failed to fetch');
      const response = await network.fetch(
        device,
        { method: init?.method ?? request?.method ?? 'GET', path: `${url.pathname}${url.search}`, headers, body },
        { signal: init?.signal ?? null, isAlive: () => owner.isAlive },
      );
      if (owner.onEffect('answer') === 'fail') throw new TypeError('Failed to fetch');
      // A stopped worker hears no answer.
      return owner.isAlive ? response : new Promise<never>(() => undefined);
    },
    locks: locksOf(locks, id),
    witness: witnessOf(context.witness, owner),
    openClients: () => Promise.resolve(context.pages()),
    isOnline: () => network.isOnline(device),
    registerSync: () => Promise.resolve(false),
    incarnation: newId(),
    isReplaced: () => owner.isReplaced,
  };
  const schema = parseSchema(context.version, tablesOf(context.version));
  const sessions = createSessions({
    name: id,
    schema,
    migrate,
    backend: batchBackend(),
    environment,
    origin,
    headers: ({ user }) => ({ Authorization: `Bearer ${user}` }),
    announce: (user, event) => {
      if (owner.isAlive) context.announce(user, event);
    },
  });
  const commands = ['visits', 'tasks'].map((table) =>
    parseCommand({ method: 'POST', path: `/api/${table}/:id/close` }),
  );
  const { fetch } = environment;
  const routes: readonly Route[] = collectRoutes(() => onFetch({ sessions, schema, commands, origin, fetch }));
  return {
    owner,
    methods: (page) => {
      const bound = sessions.boundTo(page);
      const groups = createGroupMethods({ sessions: bound, schema, commands, origin });
      return { ...createWorkerMethods(bound, schema, newId), ...groups };
    },
    fetch: async (page, request) => {
      const url = new URL(request.url);
      const route = routes.find((each) => each.method === request.method && each.matches({ request, url }) === true);
      if (route === undefined) throw new Error(`No route takes ${request.method} ${request.url}.`);
      let handled: () => void = () => undefined;
      const event = {
        clientId: page,
        handled: new Promise<void>((resolve) => {
          handled = resolve;
        }),
        waitUntil: (work: Promise<unknown>) => {
          work.catch(() => undefined);
        },
      };
      const response = await route.handler({ request, url, event });
      handled();
      return response;
    },
  };
}

export { origin };
