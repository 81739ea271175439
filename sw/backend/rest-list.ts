import { SyncError } from '../protocol/errors.ts';
import { compileFilter, parametersOf, printFilter, type FilterParameters } from '../filter/index.ts';
import {
  compareKeys,
  isJsonObject,
  isRecordKey,
  type Json,
  type JsonRecord,
  type RecordKey,
} from '../protocol/record.ts';
import type { WireScope } from '../protocol/wire.ts';
import type { BackendCall, BackendTable, DownloadPiece, DownloadRequestTable } from './backend.ts';
import { notRecords, type VersionOf } from './rest-records.ts';
import type { RestAnswer, RestClient } from './rest-request.ts';

export interface RestListOptions {
  /** The query parameter that takes a filter's text; null if the server has none. */
  readonly filterParameter: string | null;
  readonly pageSize: number;
  readonly versionOf: VersionOf;
}

const recordsInPiece = 500;
/** How often a list is begun again that moved while it was read. */
const attempts = 4;

type Refused = { readonly refused: string };

interface Page {
  readonly records: readonly JsonRecord[];
  readonly total: number | null;
}

class ListReader {
  readonly #client: RestClient;
  readonly #call: BackendCall;
  readonly #table: BackendTable;
  readonly #filter: readonly [string, string] | null;

  constructor(client: RestClient, call: BackendCall, table: BackendTable, filter: readonly [string, string] | null) {
    this.#client = client;
    this.#call = call;
    this.#table = table;
    this.#filter = filter;
  }

  #keyOf(record: JsonRecord): RecordKey {
    const key = record[this.#table.key];
    if (isRecordKey(key)) return key;
    throw notRecords(this.#client.urlOf(this.#table), 'a list of records with keys');
  }

  #pageIn(answer: RestAnswer, url: string): Page {
    const { json, headers } = answer;
    if (!Array.isArray(json)) throw notRecords(url, 'a list');
    const items: readonly Json[] = json;
    const total = headers.get('X-Total-Count');
    return {
      records: items.map((item) => {
        if (isJsonObject(item)) return item;
        throw notRecords(url, 'a list of records');
      }),
      total: total !== null && /^\d+$/.test(total) ? Number(total) : null,
    };
  }

  async #readPage(limit: number, offset: number): Promise<Page | Refused> {
    const url = new URL(this.#client.urlOf(this.#table));
    if (this.#filter !== null) url.searchParams.set(...this.#filter);
    url.searchParams.set('limit', String(limit));
    url.searchParams.set('offset', String(offset));
    const answer = await this.#client.send({ method: 'GET', url: url.href }, this.#call);
    if (answer.status === 403) return { refused: `The server does not let this user read ${this.#table.name}.` };
    if (!answer.ok) throw await answer.error();
    return this.#pageIn(answer, url.href);
  }

  /**
   * Each page begins with the last record of the one before: if it is still there, nothing before it went away or came, so
   * no record that was there all the while is missing (invariant 13). Null: the list moved.
   */
  async #tryRead(pageSize: number): Promise<JsonRecord[] | Refused | null> {
    const records: JsonRecord[] = [];
    for (;;) {
      const offset = Math.max(records.length - 1, 0);
      const page = await this.#readPage(pageSize, offset);
      if ('refused' in page) return page;
      const [first] = page.records;
      const last = records.at(-1);
      const isNext = last === undefined || (first !== undefined && this.#keyOf(first) === this.#keyOf(last));
      if (isNext) for (const record of last === undefined ? page.records : page.records.slice(1)) records.push(record);
      else if (first === undefined) return null;
      // The same page once more: the server knows no offset, and the first answer was the whole list.
      else if (this.#keyOf(first) !== this.#keyOf(records[0] ?? first) || page.records.length !== records.length)
        return null;
      else return records;
      const isShort = page.total !== null && records.length < page.total;
      if (isShort && page.records.length < (last === undefined ? 1 : 2)) return null;
      // The server may give fewer at once than it was asked for: uncounted, a list ends where nothing new comes.
      const mayHaveMore = page.total === null ? page.records.length > (last === undefined ? 0 : 1) : isShort;
      if (!mayHaveMore) return records;
    }
  }

  /** The complete list by key, or why the user may not read it. */
  async read(pageSize: number): Promise<JsonRecord[] | Refused> {
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const records = await this.#tryRead(pageSize);
      if (records === null) continue;
      if ('refused' in records) return records;
      if (new Set(records.map((record) => this.#keyOf(record))).size !== records.length) continue;
      return records.sort((a, b) => compareKeys(this.#keyOf(a), this.#keyOf(b)));
    }
    const url = this.#client.urlOf(this.#table);
    throw new SyncError(
      'server',
      `${url} gave no complete list: it changed while it was read, or is shorter than its X-Total-Count. It will be tried again.`,
      {
        retryable: true,
        details: { url },
      },
    );
  }
}

function parametersFrom(params: Readonly<Record<string, Json>>): FilterParameters {
  return Object.fromEntries(
    Object.entries(params).flatMap(([name, value]) =>
      value === null || typeof value !== 'object' ? [[name, value] as const] : [],
    ),
  );
}

/** Which records are in scope: the server is asked for them if it can be, else they are picked out here. */
function picker(
  scope: WireScope,
  parameter: string | null,
): { readonly query: readonly [string, string] | null; readonly test: (record: JsonRecord) => boolean } {
  if (scope.type === 'all') return { query: null, test: () => true };
  // A parameter's value has no place in a filter's text.
  if (parameter !== null && parametersOf(scope.filter).size === 0) {
    return { query: [parameter, printFilter(scope.filter)], test: () => true };
  }
  return { query: null, test: compileFilter(scope.filter, { params: parametersFrom(scope.params) }).test };
}

/** Downloads each table as a complete list; cursors and broken-off downloads mean nothing to such a server. */
export async function* downloadLists(
  client: RestClient,
  requests: readonly DownloadRequestTable[],
  call: BackendCall,
  { filterParameter, pageSize, versionOf }: RestListOptions,
): AsyncGenerator<DownloadPiece, void, undefined> {
  yield { type: 'start', serverEpoch: 'rest' };
  for (const request of requests) {
    const table = client.context.tables.get(request.table);
    if (table === undefined) throw new SyncError('unknown-table', `There is no table ${request.table}.`);
    const { query, test } = picker(request.scope, filterParameter);
    const list = await new ListReader(client, call, table, query).read(pageSize);
    if ('refused' in list) {
      yield { type: 'refused', table: table.name, message: list.refused };
      continue;
    }
    const records = list.filter(test);
    // Never the same twice: what an interrupted download left must not be continued by a newer list.
    const snapshot = crypto.randomUUID();
    yield { type: 'table', table: table.name, full: true, snapshot, total: records.length };
    for (let at = 0; at < records.length; at += recordsInPiece) {
      const piece = records.slice(at, at + recordsInPiece);
      const texts = piece.map((record) => JSON.stringify(record));
      yield {
        type: 'records',
        table: table.name,
        texts,
        records: piece,
        versions: piece.map((record) => versionOf(record) ?? ''),
        delta: false,
        bytes: texts.reduce((sum, text) => sum + text.length, 0),
      };
    }
    yield { type: 'end', table: table.name, cursor: 'rest', count: records.length };
  }
  yield { type: 'finish' };
}
