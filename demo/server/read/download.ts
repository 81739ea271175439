import type { RecordKey } from '../../../sw/protocol/record.ts';
import {
  type DownloadMark,
  type DownloadRequest,
  type DownloadTable,
  protocolVersion,
} from '../../../sw/protocol/wire.ts';
import type { Database, Queryable } from '../database/database.ts';
import { type CursorGround, isWithin, parseCursor, printCursor, readBounds, readUnchanged } from './cursor.ts';
import { both, type Condition } from './condition.ts';
import {
  changedSince,
  countInScope,
  inScope,
  type Page,
  pageSize,
  type Reading,
  readPage,
  readRemovals,
} from './pages.ts';

/** After so many rounds of catching up with writers, the rest is read in one transaction, however much it is. */
const maxRounds = 5;
const keysInMark = 5_000;

export interface DownloadContext {
  readonly database: Database;
  readonly serverEpoch: string;
  readonly user: string;
  readonly accessEpoch: number;
  /** What is to be read of a table, or why the user may not. Settles when the table is there to be read. */
  readonly open: (table: DownloadTable) => Promise<Reading | { readonly refused: string }>;
}

/**
 * The download's text, piece by piece; the next piece is read when it is asked for. Every page is a statement of its own,
 * so a slow client holds no connection and no snapshot. What changes meanwhile comes as a delta behind the pages.
 */
export async function* download(context: DownloadContext, request: DownloadRequest): AsyncGenerator<string> {
  const { length } = request.tables;
  yield mark({ type: 'start', protocol: protocolVersion, serverEpoch: context.serverEpoch, tables: length });
  for (const table of request.tables) yield* downloadTable(context, request.schema, table);
  yield mark({ type: 'finish', tables: length });
}

function mark(content: DownloadMark): string {
  return `${JSON.stringify(content)}\n`;
}

function pageText(table: string, { count, body, versions }: Page, delta: boolean): string {
  const ends = delta ? ',"delta":true}' : '}';
  return `{"type":"records","table":${JSON.stringify(table)},"count":${count},"versions":${versions}${ends}\n${body}\n`;
}

async function* downloadTable(
  context: DownloadContext,
  schema: number,
  request: DownloadTable,
): AsyncGenerator<string> {
  const { database, serverEpoch, user, accessEpoch } = context;
  const { table, scope } = request;
  const ground: CursorGround = { serverEpoch, user, accessEpoch, schema, table, scope };
  const reading = await context.open(request);
  if ('refused' in reading) {
    yield mark({ type: 'refused', table, message: reading.refused });
    return;
  }
  const asked = request.resume === undefined ? parseCursor(request.cursor, ground) : null;
  if (asked !== null) {
    const { position, count } = asked;
    const { unchanged, ...bounds } = await readUnchanged(database, { table: reading.table, user, position });
    if (isWithin(position, bounds)) {
      yield mark({ type: 'table', table, full: false, snapshot: printCursor({ position, count: null }, ground) });
      if (!unchanged || count === null) yield* changes(database, { reading, ground, since: position });
      else yield mark({ type: 'end', table, cursor: printCursor({ position: bounds.now, count }, ground), count });
      return;
    }
  }
  const bounds = await readBounds(database);
  const resumed = request.resume === undefined ? null : parseCursor(request.resume.snapshot, ground);
  const stands = resumed !== null && isWithin(resumed.position, bounds);
  const since = stands ? resumed.position : bounds.now;
  const after = stands ? (request.resume?.after ?? null) : null;
  const total = await countInScope(database, reading);
  const snapshot = printCursor({ position: since, count: null }, ground);
  yield mark({ type: 'table', table, full: true, snapshot, total });
  for await (const page of pagesOf(database, reading, inScope(reading), after)) yield pageText(table, page, false);
  yield* changes(database, { reading, ground, since });
}

async function* pagesOf(
  tx: Queryable,
  { table }: Reading,
  condition: Condition,
  start: RecordKey | null = null,
): AsyncGenerator<Page> {
  let after = start;
  for (;;) {
    const page = await readPage(tx, { table, condition, after });
    if (page === null) return;
    yield page;
    after = page.last;
  }
}

interface Changes {
  readonly reading: Reading;
  readonly ground: CursorGround;
  readonly since: bigint;
}

/** What changed since a position, up to an end mark whose count belongs to the same state as the last of the changes. */
async function* changes(database: Database, { reading, ground, since }: Changes): AsyncGenerator<string> {
  const { table } = ground;
  let from = since;
  for (let round = 1; ; round += 1) {
    const last = await database.transaction(
      async (tx) => {
        const { now } = await readBounds(tx);
        const condition = both(changedSince(from), inScope(reading));
        const changed = {
          table: reading.table,
          condition,
          after: null,
          limit: pageSize + 1,
          first: 'by-change',
        } as const;
        const page = await readPage(tx, changed);
        const pages = page === null ? [] : [page];
        if (page !== null && page.count > pageSize) {
          if (round < maxRounds) return { type: 'more' as const, now };
          pages.length = 0;
          for await (const all of pagesOf(tx, reading, condition)) pages.push(all);
        }
        const removals = await readRemovals(tx, reading, since);
        return { type: 'last' as const, now, pages, removals, count: await countInScope(tx, reading) };
      },
      { snapshot: true },
    );
    if (last.type === 'last') {
      for (const page of last.pages) yield pageText(table, page, true);
      for (let index = 0; index < last.removals.length; index += keysInMark) {
        yield mark({ type: 'removals', table, keys: last.removals.slice(index, index + keysInMark) });
      }
      const { now: position, count } = last;
      yield mark({ type: 'end', table, cursor: printCursor({ position, count }, ground), count });
      return;
    }
    const condition = both(changedSince(from), inScope(reading));
    for await (const page of pagesOf(database, reading, condition)) yield pageText(table, page, true);
    from = last.now;
  }
}
