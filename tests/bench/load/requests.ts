import { randomUUID } from 'node:crypto';
import { protocolVersion, type DownloadTable } from '../../../sw/protocol/wire.ts';

/** One of the clients: a user with a sign-in of their own. */
export interface LoadClient {
  readonly url: string;
  readonly user: number;
}

async function post({ url, user }: LoadClient, path: string, body: unknown): Promise<Response> {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer token-${user}` },
    body: JSON.stringify(body),
  });
  if (response.status !== 200) throw new Error(`${path} was answered ${response.status}: ${await response.text()}`);
  return response;
}

/** Sends so many new visits in one batch, and fails if one of them was not applied. */
export async function uploadVisits(client: LoadClient, count: number): Promise<void> {
  const changes = Array.from({ length: count }, () => {
    const id = randomUUID();
    return {
      type: 'create',
      mutationId: randomUUID(),
      table: 'visits',
      key: id,
      record: { id, placeId: null, date: '2026-03-02', note: 'Asked for larger boxes', rating: 4, reference: null },
    };
  });
  const response = await post(client, '/sync/upload', {
    protocol: protocolVersion,
    schema: 1,
    device: 'load',
    run: randomUUID(),
    onConflict: {},
    changes,
  });
  const text = await response.text();
  const applied = text.split('"type":"applied"').length - 1;
  if (applied !== count) throw new Error(`${applied} of ${count} visits were applied: ${text.slice(0, 500)}`);
}

export interface DownloadFigures {
  readonly bytes: number;
  readonly cursors: ReadonlyMap<string, string>;
}

const endMark = /^\{"type":"end","table":"([^"]*)","cursor":"([^"]*)"/gm;

/** Downloads to the end, and fails if it was cut. Only the end of the text is kept. */
export async function download(client: LoadClient, tables: readonly DownloadTable[]): Promise<DownloadFigures> {
  const response = await post(client, '/sync/download', { protocol: protocolVersion, schema: 1, tables });
  let bytes = 0;
  let tail = '';
  const cursors = new Map<string, string>();
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    tail = tail.slice(tail.lastIndexOf('\n') + 1) + decoder.decode(chunk, { stream: true });
    for (const [, table = '', cursor = ''] of tail.matchAll(endMark)) cursors.set(table, cursor);
  }
  if (!tail.trimEnd().endsWith(`{"type":"finish","tables":${tables.length}}`)) throw new Error('A download was cut.');
  return { bytes, cursors };
}

export function whole(table: string, cursor?: string): DownloadTable {
  return { table, scope: { type: 'all' }, cursor: cursor ?? null };
}
