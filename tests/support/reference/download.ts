import { isJsonObject, isRecordKey, type Json, type JsonObject, type RecordKey } from '../../../sw/protocol/record.ts';
import { arrayOf, textOf, type DownloadSource, type StoredRecord } from './stored-record.ts';

/** So small that a table of a few records takes several. */
const recordsInChunk = 3;

interface Position {
  readonly ground: string;
  readonly seq: number;
}

/** Null if it is no cursor, or one given for another user, table or scope. */
function positionOf(cursor: unknown, ground: string): Position | null {
  if (typeof cursor !== 'string' || !cursor.startsWith(`${ground}@`)) return null;
  const seq = Number(cursor.slice(ground.length + 1));
  return Number.isInteger(seq) ? { ground, seq } : null;
}

/** The whole text of a download. All of it is of one moment. */
export function downloadText(server: DownloadSource, user: string, body: JsonObject): string {
  const lines: string[] = [];
  const mark = (value: object): void => {
    lines.push(JSON.stringify(value));
  };
  const tables = arrayOf(body['tables']).filter(isJsonObject);
  mark({ type: 'start', protocol: 1, serverEpoch: server.epoch, tables: tables.length });
  for (const request of tables) {
    const table = textOf(request['table']);
    const ground = JSON.stringify([server.epoch, user, table, body['schema'], request['scope']]);
    const readable = server.readable(table, user);
    const now = server.log.length;
    const cursor = positionOf(request['cursor'], ground);
    const resume = isJsonObject(request['resume']) ? request['resume'] : null;
    const resumed = resume === null ? null : positionOf(resume['snapshot'], ground);
    const isFull = cursor === null || resume !== null;
    const since = isFull ? (resumed?.seq ?? now) : cursor.seq;
    mark({
      type: 'table',
      table,
      full: isFull,
      snapshot: `${ground}@${since}`,
      ...(isFull ? { total: readable.size } : {}),
    });
    if (isFull) {
      const after = resumed === null ? null : (resume?.['after'] ?? null);
      const rows = [...readable]
        .sort(([a], [b]) => compare(a, b))
        .filter(([key]) => after === null || isAfter(key, after));
      chunks(rows, table, false, lines);
    }
    const changed = [
      ...new Set(server.log.filter((entry) => entry.seq > since && entry.table === table).map(({ key }) => key)),
    ];
    const there = changed.flatMap((key): [RecordKey, StoredRecord][] => {
      const row = readable.get(key);
      return row === undefined ? [] : [[key, row]];
    });
    chunks(there, table, true, lines);
    const gone = changed.filter((key) => !readable.has(key));
    if (gone.length > 0) mark({ type: 'removals', table, keys: gone });
    mark({ type: 'end', table, cursor: `${ground}@${now}`, count: readable.size });
  }
  mark({ type: 'finish', tables: tables.length });
  return `${lines.join('\n')}\n`;
}

function chunks(
  rows: readonly (readonly [RecordKey, StoredRecord])[],
  table: string,
  delta: boolean,
  lines: string[],
): void {
  for (let index = 0; index < rows.length; index += recordsInChunk) {
    const chunk = rows.slice(index, index + recordsInChunk).map(([, row]) => row);
    const versions = chunk.map((row) => String(row.version));
    lines.push(JSON.stringify({ type: 'records', table, count: chunk.length, versions, ...(delta ? { delta } : {}) }));
    lines.push(...chunk.map((row) => JSON.stringify(row.record)));
  }
}

function compare(a: RecordKey, b: RecordKey): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isAfter(key: RecordKey, after: Json): boolean {
  return isRecordKey(after) && compare(key, after) > 0;
}
