import { uuidv7 } from 'uuidv7';
import type { Backend } from './backend/backend.ts';
import { createBroadcast } from './broadcast/broadcast.ts';
import { createLink } from './broadcast/link.ts';
import { onActivate } from './events/on-activate.ts';
import { onFetch } from './events/on-fetch.ts';
import { onMessage } from './events/on-message.ts';
import { onSync } from './events/on-sync.ts';
import { fromPlainError, ConfigurationError } from './protocol/errors.ts';
import { createGroupMethods } from './router/group-route.ts';
import { parseCommand } from './router/match.ts';
import type { Encryption } from './store/encryption.ts';
import type { Migrate } from './store/migrate-row.ts';
import type { TableOptions } from './store/schema.ts';
import { checkNames, parseSchema } from './store/parse-schema.ts';
import { createCacheWitness } from './store/cache-witness.ts';
import type { Environment } from './sync/environment.ts';
import type { HeadersFunction } from './sync/made-headers.ts';
import { createSessions } from './sync/create-sessions.ts';
import { stateForStranger, stateWhileLocked } from './sync/state.ts';
import { createWorkerMethods } from './sync/worker-methods.ts';
import type { WorkerMethods } from './protocol/api.ts';
import { createSuccession, type Succession } from './succession.ts';

declare const self: ServiceWorkerGlobalScope;

const libraryVersion = '0.1.0';

export interface CommandOptions {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** A path of this origin; a segment that begins with a colon stands for any one. */
  readonly path: string;
  /**
   * The tables of the records that it names, by path parameter or field of the body. It then comes after the changes of
   * these records only; edits of others made before and after it go as one.
   */
  readonly references?: Readonly<Record<string, string>>;
}

export interface StartSyncOptions {
  /** Names the databases, the channel and the locks: one name for one app of an origin. */
  readonly name: string;
  /** The schema version: grows when the shape of the records changes. From 1. */
  readonly version: number;
  readonly tables: Readonly<Record<string, TableOptions>>;
  /** Requests that are no record's write, kept in order with the changes. @default [] */
  readonly commands?: readonly CommandOptions[];
  readonly backend: Backend;
  /** Makes the headers of each attempt, in the worker. They are never stored. */
  readonly headers?: HeadersFunction;
  /**
   * `encryptRecords()`: what is stored of records is encrypted, under the key of `signIn({ user, encryptionKey })`. See SECURITY.md for
   * what is not. @default the database is as the browser stores it
   */
  readonly encryption?: Encryption;
  /**
   * Makes a copy of a record that an older version of the app stored fit the present one: called for the content of each change and
   * draft, and for the server's copy that it was made on. Where it throws or returns null, the change becomes a failure `schema`
   * that holds its old content. @default they are kept as they are
   */
  readonly migrate?: Migrate;
}

interface SyncRegistration {
  readonly sync?: { register(tag: string): Promise<void> };
}

function createEnvironment(scope: ServiceWorkerGlobalScope, name: string, succession: Succession): Environment {
  return {
    now: () => Date.now(),
    random: () => Math.random(),
    incarnation: uuidv7(),
    newId: () => uuidv7(),
    fetch: (input, init) => scope.fetch(input, init),
    locks: scope.navigator.locks,
    // Missing where the page is not secure, and in some private windows.
    witness: createCacheWitness(name, 'caches' in scope ? scope.caches : undefined),
    openClients: async () => {
      const clients = await scope.clients.matchAll({ type: 'all', includeUncontrolled: true });
      return clients.map((client) => client.id);
    },
    isOnline: () => scope.navigator.onLine,
    registerSync: async (tag) => {
      const registration: ServiceWorkerRegistration & SyncRegistration = scope.registration;
      if (registration.sync === undefined) return false;
      try {
        await registration.sync.register(tag);
        return true;
      } catch {
        // `InvalidAccessError`: no window is open. A tab asks again when it connects.
        return false;
      }
    },
    isReplaced: succession.isReplaced,
  };
}

function checkOptions(options: StartSyncOptions): void {
  const { name, backend, encryption, commands = [] } = options;
  checkNames('', options, ['name', 'version', 'tables', 'commands', 'backend', 'headers', 'encryption', 'migrate']);
  const wrong = (option: string, problem: string): never => {
    throw new ConfigurationError(`startSync: ${option} ${problem}`, { details: { option } });
  };
  if (typeof name !== 'string' || !/^[\w.-]{1,64}$/.test(name))
    wrong('name', 'must be 1 to 64 letters, digits, _, . or -.');
  if (typeof backend !== 'object' || typeof backend.connect !== 'function') {
    wrong('backend', 'must be batchBackend({ url }) or restBackend().');
  }
  if (encryption !== undefined && (typeof encryption !== 'object' || typeof encryption.unlock !== 'function'))
    wrong('encryption', 'must be encryptRecords().');
  commands.forEach((command, index) => {
    checkNames(`commands[${index}]`, command, ['method', 'path', 'references']);
    const { method, path, references = {} } = command;
    for (const [parameter, table] of Object.entries(references)) {
      if (!Object.hasOwn(options.tables, table))
        wrong(
          `commands[${index}].references.${parameter}`,
          `names the table ${JSON.stringify(table)}, which is not declared.`,
        );
    }
    if (!['POST', 'PUT', 'PATCH', 'DELETE'].includes(method))
      wrong(`commands[${index}].method`, 'must be POST, PUT, PATCH or DELETE.');
    if (typeof path !== 'string' || !path.startsWith('/')) wrong(`commands[${index}].path`, 'must start with /.');
  });
}

/**
 * Makes this service worker answer the declared paths from the local database, keep every write until the server has it,
 * and synchronize. Call it once, synchronously, in the worker's script: it adds its listeners beside the app's own Workbox
 * routes, and whatever is not declared here is not touched. Nothing is opened or asked before the first event.
 *
 * @throws ConfigurationError naming the option, so that a wrong configuration fails the worker's installation.
 *
 * @example
 * startSync({
 *   name: 'rounds',
 *   version: 1,
 *   tables: { visits: { path: '/api/visits', key: 'id' } },
 *   backend: batchBackend({ url: '/sync' }),
 * });
 */
export function startSync(options: StartSyncOptions): void {
  checkOptions(options);
  const { name, version, tables, commands = [], backend, headers = null, encryption = null, migrate = null } = options;
  const schema = parseSchema(version, tables);
  const succession = createSuccession(self);
  const environment = createEnvironment(self, name, succession);
  const { origin } = self.location;
  const broadcast = createBroadcast({ name, now: environment.now });
  const announce = broadcast.post.bind(broadcast);
  const sessions = createSessions({
    name,
    schema,
    backend,
    environment,
    origin,
    headers,
    encryption,
    migrate,
    announce,
  });
  const patterns = commands.map(parseCommand);
  const methods = (page: string): WorkerMethods => {
    const bound = sessions.boundTo(page);
    return {
      ...createWorkerMethods(bound, schema, environment.newId),
      ...createGroupMethods({ sessions: bound, schema, commands: patterns, origin }),
    };
  };
  const link = createLink({
    name,
    version: libraryVersion,
    methods,
    locks: environment.locks,
    origin,
    skipWaiting: () => self.skipWaiting(),
    giveWay: succession.giveWay,
    claim: () => self.clients.claim(),
    live: sessions.liveUrl,
    isActive: () => [null, 'activating', 'activated'].includes(succession.ownState()),
    state: async (page) => {
      // A page that connects may be the one that has the key.
      const state = await Promise.race([methods(page).state(), sessions.locked()]);
      if (state === undefined) return stateWhileLocked;
      if (state.ok) return state.value;
      if (state.error.code === 'user-changed') return stateForStranger;
      throw fromPlainError(state.error);
    },
  });
  onFetch({ sessions, schema, commands: patterns, origin, fetch: environment.fetch });
  onMessage(self, link);
  onSync(self, sessions);
  onActivate(self);
}
