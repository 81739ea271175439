import { randomUUID } from 'node:crypto';
import { restBackend, type RestBackendOptions } from '../../sw/backend/rest-backend.ts';
import type { JsonObject } from '../../sw/protocol/record.ts';
import type { RunOutcome } from '../../sw/protocol/run.ts';
import type { TableOptions } from '../../sw/store/schema.ts';
import { Device, tasks } from './engine-fixture.ts';
import { pageOf, type Opened } from './engine-page.ts';
import { json } from './rest-fixture.ts';
import { asJson, asObject, asText, type Fixture } from './server-fixture.ts';

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body: JsonObject;
}

const plainTables: Readonly<Record<string, TableOptions>> = {
  visits: { path: '/api/visits', key: 'id', conflict: 'merge' },
  tasks,
};

/** A REST server in memory that remembers no requests: records by their paths, and versions that count. */
export class PlainServer {
  readonly records = new Map<string, { readonly record: JsonObject; readonly version: number }>();
  /** What it was asked to write. */
  readonly sent: Sent[] = [];
  /** Answers in the server's place; null: as usual. */
  instead: (sent: Sent) => Response | null = () => null;
  #lastKey = 100;

  put(path: string, record: JsonObject): Response {
    const version = (this.records.get(path)?.version ?? 0) + 1;
    this.records.set(path, { record, version });
    return json(record, 200, { ETag: `"${version}"` });
  }

  answer(method: string, url: string, text: unknown): Response {
    const [path = ''] = url.split('?');
    const body = typeof text === 'string' && text !== '' ? asObject(asJson(text)) : {};
    const sent = { method, path, body };
    if (!['GET', 'HEAD'].includes(method)) this.sent.push(sent);
    return this.instead(sent) ?? this.#answer(sent);
  }

  #answer({ method, path, body }: Sent): Response {
    const found = this.records.get(path);
    if (path.split('/').length === 3) {
      if (method === 'POST') {
        this.#lastKey += 1;
        const id = body['id'] ?? this.#lastKey;
        return this.put(`${path}/${asText(id)}`, { ...body, id });
      }
      const list = [...this.records].filter(([at]) => at.startsWith(`${path}/`)).map(([, { record }]) => record);
      return json(list, 200, { 'X-Total-Count': String(list.length) });
    }
    if (method === 'PUT') return this.put(path, body);
    if (found === undefined) return json({}, 404);
    if (method === 'GET') return json(found.record, 200, { ETag: `"${found.version}"` });
    if (method === 'PATCH') return this.put(path, { ...found.record, ...body });
    this.records.delete(path);
    return new Response(null, { status: 204 });
  }

  /** What was sent, in short. */
  said(): readonly string[] {
    return this.sent.map(({ method, path, body }) => `${method} ${path} ${JSON.stringify(body)}`);
  }
}

export interface PlainOpened extends Opened {
  readonly server: PlainServer;
}

/** A device of such a server. */
export async function openPlain(
  fixture: Fixture,
  { tables = plainTables, ...options }: RestBackendOptions & { readonly tables?: Record<string, TableOptions> } = {},
): Promise<PlainOpened> {
  const server = new PlainServer();
  const device = new Device(fixture, tables);
  device.network = (path, _forward, _headers, method, body) => Promise.resolve(server.answer(method, path, body));
  const worker = device.startWorker({ backend: restBackend(options) });
  const session = await worker.signIn('ana');
  return { device, worker, session, page: pageOf(worker, session), server };
}

export async function runOnce({ session }: Opened, mode: 'unsynchronized' | 'all' = 'all'): Promise<RunOutcome> {
  const options = { mode, onPartial: 'return' } as const;
  return session.engine.synchronize(randomUUID(), options).then(
    ({ outcome }) => outcome,
    () => 'failed',
  );
}
