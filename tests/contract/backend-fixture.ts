import { describe, afterAll, beforeAll } from 'vitest';
import { batchBackend } from '../../sw/backend/batch-backend.ts';
import type {
  Backend,
  BackendCall,
  BackendConnection,
  BackendContext,
  BackendTable,
  DownloadPiece,
  UploadReply,
} from '../../sw/backend/backend.ts';
import { restBackend } from '../../sw/backend/rest-backend.ts';
import type { JsonObject, JsonRecord } from '../../sw/protocol/record.ts';
import type { WireScope } from '../../sw/protocol/wire.ts';
import { Fixture, type User } from './server-fixture.ts';

const plain = { serverKeys: false, references: [] } as const;

const tables: readonly BackendTable[] = [
  { name: 'products', path: '/api/products', key: 'Code', keyType: 'number', ...plain },
  { name: 'places', path: '/api/places', key: 'id', keyType: 'string', ...plain },
  { name: 'visits', path: '/api/visits', key: 'id', keyType: 'string', ...plain },
  {
    ...{ name: 'lines', path: '/api/lines', key: 'id', keyType: 'string', ...plain },
    references: [{ field: 'visitId', table: 'visits' }],
  },
  {
    ...{ name: 'photos', path: '/api/photos', key: 'id', keyType: 'string', file: { field: 'content' }, ...plain },
    references: [{ field: 'lineId', table: 'lines' }],
  },
  {
    name: 'tasks',
    path: '/api/tasks',
    key: 'id',
    keyType: 'number',
    serverKeys: true,
    references: [{ field: 'afterId', table: 'tasks' }],
  },
  { name: 'preferences', path: '/api/preferences', key: 'name', keyType: 'string', ...plain },
];

type Fetch = BackendContext['fetch'];

export function contextAt(origin: string, fetchOf: Fetch = (input, init) => fetch(input, init)): BackendContext {
  const named = new Map(tables.map((table) => [table.name, table]));
  return { fetch: fetchOf, origin: `${origin}/sw.js`, tables: named, schema: 1, now: Date.now };
}

export function callAs(user: User, signal: AbortSignal = new AbortController().signal): BackendCall {
  return { user, signal, headers: { Authorization: `Bearer ${user}-demo` } };
}

/** Uploads as the engine does: encoded once, then sent. */
export function uploadTo(
  connection: BackendConnection,
  changes: readonly JsonObject[],
  options: { readonly user?: User; readonly onConflict?: Record<string, 'overwrite' | 'report'> } = {},
): Promise<UploadReply> {
  const { user = 'ana', onConflict = {} } = options;
  const texts = changes.map((change) => JSON.stringify(change));
  const body = connection.encodeUpload({
    device: 'device-1',
    run: 'run-00001',
    onConflict,
    changes: texts,
    sentBefore: new Set(),
  });
  return connection.upload(body, callAs(user));
}

export interface DownloadedTable {
  readonly types: readonly string[];
  readonly records: readonly JsonRecord[];
  readonly count: number;
}

/** One table's download, and the order of its pieces. */
export async function downloadFrom(
  connection: BackendConnection,
  table: string,
  scope: WireScope = { type: 'all' },
): Promise<DownloadedTable> {
  const types: string[] = [];
  const records: JsonRecord[] = [];
  let count = -1;
  for await (const piece of connection.download([{ table, scope, cursor: null, resume: null }], callAs('ana'))) {
    if (types.at(-1) !== piece.type) types.push(piece.type);
    if (piece.type === 'records') records.push(...checked(piece));
    if (piece.type === 'end') count = piece.count;
  }
  return { types, records, count };
}

function checked(piece: Extract<DownloadPiece, { type: 'records' }>): readonly JsonRecord[] {
  const { texts, records, versions } = piece;
  if (texts.length !== records.length || versions.length !== records.length) throw new Error('A piece is uneven.');
  if (texts.some((text, index) => text !== JSON.stringify(records[index])))
    throw new Error('A text is another record.');
  return records;
}

const implementations: readonly (readonly [string, () => Backend])[] = [
  ['batchBackend', () => batchBackend()],
  ['restBackend', () => restBackend()],
];

/** Runs the same tests against each backend, over a server of its own. */
export function onBothBackends(
  name: string,
  tests: (fixture: Fixture, connect: (fetchOf?: Fetch) => BackendConnection) => void,
  databases: readonly Fixture['kind'][] = ['embedded'],
): void {
  const cases = databases.flatMap((kind) => implementations.map(([backend, make]) => [backend, kind, make] as const));
  describe.each(cases)(`${name} (%s, %s)`, (_backend, kind, make) => {
    const fixture = new Fixture(kind);
    beforeAll(() => fixture.start());
    afterAll(() => fixture.stop());
    tests(fixture, (fetchOf) => make().connect(contextAt(fixture.server.url, fetchOf)));
  });
}
