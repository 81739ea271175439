import { ConfigurationError, SyncError } from '../protocol/errors.ts';
import type { ReadRecord, Backend, BackendConnection, BackendContext } from './backend.ts';
import { restFiles } from './rest-files.ts';
import { parseUpload } from './rest-change.ts';
import { downloadLists, type RestListOptions } from './rest-list.ts';
import { sendInOrder } from './rest-order.ts';
import { getRecord, type VersionOf } from './rest-records.ts';
import { askingWho, type WhoAmI } from './rest-who.ts';
import { restClient, type RestClient, type RestClientOptions } from './rest-request.ts';
import { noteEncoded, type Sends } from './rest-sends.ts';
import { RestUpload } from './rest-upload.ts';
import type { RestWriteOptions } from './rest-write.ts';

export interface RestBackendOptions {
  /**
   * What makes a repeated write harmless: `key`, the server applies an idempotency key once; `client-keys`, creates are PUT
   * to a key made here with `If-None-Match: *`, so that a repeat is refused, or overwrites itself; `none`, nothing does, so
   * an unanswered create or command is never sent again by itself. Commands under `client-keys` must be repeatable.
   * @default 'key'
   */
  readonly idempotency?: 'key' | 'client-keys' | 'none';
  /** Names of the headers that carry the mutation id and the version; false if the server knows none. */
  readonly headers?: {
    /** @default 'Idempotency-Key' */
    readonly idempotency?: string | false;
    /** False: also no `If-None-Match` under `client-keys`. @default 'If-Match' */
    readonly precondition?: string | false;
  };
  /** How many requests are under way at once, from 1 to 20. @default 6 */
  readonly concurrency?: number;
  /** The version of a record of a list, as its own `ETag` has it between the quotes. Without it lists have no versions. */
  readonly versionOf?: VersionOf;
  /** The query parameter of lists that takes a filter's text. Without it lists are filtered here. */
  readonly filterParameter?: string;
  /** How many records of a list are asked for at once, by `limit` and `offset`; at least 2. @default 10000 */
  readonly pageSize?: number;
  /**
   * How a record's file is sent to `<path>/<key>/<field>`: `whole` in one PUT, or `chunks` of 1 MiB with `Content-Range`, for a
   * server that keeps what has come and says in `Upload-Offset` how much that is. @default 'whole'
   */
  readonly fileUpload?: 'whole' | 'chunks';
  /**
   * Asks the server whose credentials these are, before anything else of a run is sent or read: an address that answers `GET` with
   * JSON, and what in it names the user, as given to `signIn`. Where it is another one, the run ends `user-mismatch`, and nothing is
   * sent, stored or cleared. Without it only a `Sync-User` header in the server's answers tells. @default none
   */
  readonly whoAmI?: WhoAmI;
  /** What is asked to find out whether the server is there. By default the first table's path. */
  readonly ping?: string;
  /** As for `fetch`. @default 'same-origin' */
  readonly credentials?: RequestCredentials;
  /** How long to wait for the first byte of an answer, and between two pieces of one, in milliseconds. @default 30000 */
  readonly stallMs?: number;
}

interface Settings extends RestListOptions, RestWriteOptions, RestClientOptions {
  readonly concurrency: number;
  readonly fileUpload: 'whole' | 'chunks';
  readonly ping: string | null;
  readonly whoAmI: WhoAmI | null;
}

function wrong(option: string, text: string): ConfigurationError {
  return new ConfigurationError(`restBackend: ${option} ${text}.`, { details: { option: `backend.${option}` } });
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function settingsOf(options: RestBackendOptions): Settings {
  const { idempotency = 'key', headers = {}, concurrency = 6, pageSize = 10_000, stallMs = 30_000 } = options;
  const { fileUpload = 'whole' } = options;
  const { versionOf = () => null, filterParameter = null, ping = null, credentials = 'same-origin' } = options;
  const { idempotency: idempotencyHeader = 'Idempotency-Key', precondition: preconditionHeader = 'If-Match' } = headers;
  if (!['key', 'client-keys', 'none'].includes(idempotency)) {
    throw wrong('idempotency', "must be 'key', 'client-keys' or 'none'");
  }
  if (idempotency === 'key' && idempotencyHeader === false) {
    throw wrong('headers.idempotency', "cannot be false where idempotency is 'key'");
  }
  const { whoAmI = null } = options;
  if (whoAmI !== null && (typeof whoAmI.url !== 'string' || typeof whoAmI.userOf !== 'function')) {
    throw wrong('whoAmI', 'must be { url, userOf }');
  }
  if (!['whole', 'chunks'].includes(fileUpload)) throw wrong('fileUpload', "must be 'whole' or 'chunks'");
  if (!isWithin(concurrency, 1, 20)) throw wrong('concurrency', 'must be a whole number from 1 to 20');
  // A page shares its first record with the page before.
  if (!isWithin(pageSize, 2, 1_000_000)) throw wrong('pageSize', 'must be a whole number from 2 to 1000000');
  return {
    ...{ idempotency, idempotencyHeader, preconditionHeader, concurrency, pageSize, stallMs },
    ...{ versionOf, filterParameter, ping, credentials, fileUpload, whoAmI },
  };
}

/**
 * The backend for any REST API at the tables' paths: a request a change, complete lists for a download. It needs nothing of
 * the server but lists, and GET, POST, PATCH (JSON merge patch) and DELETE of records.
 *
 * @example
 * startSync({ name: 'rounds', version: 1, tables, backend: restBackend({ idempotency: 'client-keys' }) });
 */
export function restBackend(options: RestBackendOptions = {}): Backend {
  const settings = settingsOf(options);
  return {
    connect: (context) => {
      const client = restClient(context, settings);
      return connect(context, settings.whoAmI === null ? client : askingWho(client, settings.whoAmI), settings);
    },
  };
}

function connect(context: BackendContext, client: RestClient, settings: Settings): BackendConnection {
  const ofServer = [...context.tables.values()].filter((table) => table.serverKeys);
  const [made] = ofServer;
  if (settings.idempotency === 'client-keys' && made !== undefined) {
    throw wrong(
      'idempotency',
      `cannot be 'client-keys': the server makes the keys of ${made.name}. Take 'key' or 'none'`,
    );
  }
  // A file goes to its record's address before its record.
  const filed = ofServer.find((table) => (table.file ?? null) !== null);
  if (filed !== undefined) {
    const text = `restBackend: the server makes the keys of ${filed.name}, so there is no address for the file of a new record. Declare no file for this table, or take keys made here.`;
    throw new ConfigurationError(text, { details: { option: `tables.${filed.name}.file` } });
  }
  const sends: Sends = new Map();
  return {
    idempotent: settings.idempotency !== 'none',
    atomicGroups: false,
    // An API may be open to everybody.
    needsUser: false,
    liveUrl: null,
    files: restFiles(client, settings),

    encodeUpload: ({ changes, onConflict, sentBefore }) => {
      noteEncoded(sends, changes, sentBefore);
      return `{"changes":[${changes.join(',')}],"onConflict":${JSON.stringify(onConflict)}}`;
    },

    upload: async (body, call) => {
      const { changes, onConflict } = parseUpload(body);
      let bytesReceived = 0;
      let bytesSent = 0;
      const counting: RestClient = {
        ...client,
        send: async (request, sendCall) => {
          bytesSent += request.body === undefined ? 0 : JSON.stringify(request.body).length;
          const answer = await client.send(request, sendCall);
          bytesReceived += answer.bytes;
          return answer;
        },
      };
      const upload = new RestUpload(counting, call, settings, { onConflict, sends });
      const sent = await sendInOrder(changes, { ...settings, tables: context.tables }, upload);
      return { ...sent, serverEpoch: 'rest', bytesSent, bytesReceived };
    },

    download: (tables, call) => downloadLists(client, tables, call, settings),

    read: async (name, keys, call) => {
      const table = context.tables.get(name);
      if (table === undefined) throw new SyncError('unknown-table', `There is no table ${name}.`);
      const { versionOf } = settings;
      const records: ReadRecord[] = [];
      for (let at = 0; at < keys.length; at += settings.concurrency) {
        const group = keys.slice(at, at + settings.concurrency).map(async (key): Promise<ReadRecord> => {
          const found = await getRecord(client, { table, key, versionOf }, call);
          return { key, record: found?.record ?? null, version: found?.version ?? null };
        });
        records.push(...(await Promise.all(group)));
      }
      return records;
    },

    settle: (mutationIds) => Promise.resolve(mutationIds.map((mutationId) => ({ type: 'unknown', mutationId }))),

    // Such a server has no failure log.
    reportFailures: () => Promise.resolve(),

    ping: async (call) => {
      const [first] = context.tables.values();
      const url = new URL(settings.ping ?? first?.path ?? '/', context.origin).href;
      await client.send({ method: 'HEAD', url }, call);
    },
  };
}
