import {
  isJsonObject,
  isMutationId,
  isRecordKey,
  type Json,
  type JsonObject,
  type JsonRecord,
  type MutationId,
  type RecordKey,
} from '../../../sw/protocol/record.ts';
import type { Outcome } from '../../../sw/protocol/wire.ts';
import { KeyNames } from '../../../sw/protocol/key-names.ts';
import { isFileReference } from '../../../sw/protocol/file.ts';
import { Contents } from './contents.ts';
import { downloadText } from './download.ts';
import { EffectLog } from './ledger.ts';
import { ServerKeys } from './server-keys.ts';
import { arrayOf, textOf, type LogEntry, type StoredRecord } from './stored-record.ts';
import { faultsOf, referenceTables, type ReferenceTable } from './tables.ts';

export interface ReferenceRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface ReferenceAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface Uploading {
  readonly user: string;
  readonly device: string;
  readonly onConflict: Readonly<Record<string, unknown>>;
  /** Versions that this upload itself gave, with the one that the record had before. */
  readonly own: Map<string, { readonly before: number }>;
  /** The keys of the records that it has made so far. */
  readonly names: KeyNames;
}

interface LedgerRow {
  readonly outcome: Outcome;
  readonly table: string;
  readonly key: RecordKey;
}

type Refusal = Exclude<Outcome, { readonly type: 'applied' | 'fenced' | 'later' }>;
type Decision = { readonly type: 'applied'; readonly of?: { table: string; key: RecordKey; found: string } } | Refusal;

const protocol = { 'Sync-Protocol': '1' };

function idOf(table: string, key: RecordKey): string {
  return `${table}\u0000${typeof key}\u0000${key}`;
}

/**
 * A server of the batch protocol in memory: every request is one step, and what it did is written down. It is what the
 * library is measured against where thousands of histories are run; the demo's server has the same contract.
 */
export class ReferenceServer {
  readonly epoch = 'epoch-1';
  readonly effects: EffectLog;
  readonly log: LogEntry[] = [];
  #records = new Map<string, StoredRecord & { readonly table: string; readonly key: RecordKey }>();
  readonly #ledger = new Map<string, LedgerRow>();
  readonly keys = new ServerKeys();
  readonly failures: JsonObject[] = [];
  readonly contents = new Contents();
  /** Records that named a content before it was here. */
  readonly early: string[] = [];

  /** `now`: the clock of the effects. */
  constructor(now: () => number) {
    this.effects = new EffectLog(now);
  }

  /** What `user` may read of a table, by key. */
  readable(table: string, user: string): ReadonlyMap<RecordKey, StoredRecord> {
    const own = [...this.#records.values()].filter((row) => row.table === table && this.#mayRead(row, user));
    return new Map(own.map((row) => [row.key, row] as const));
  }

  find(table: string, key: RecordKey): StoredRecord | undefined {
    return this.#records.get(idOf(table, key));
  }

  /** A change by somebody else, on the server itself. Null deletes. */
  write(table: string, key: RecordKey, fields: JsonObject | null, owner: string): void {
    const before = this.#records.get(idOf(table, key)) ?? null;
    const keyField = this.#tableOf(table).key;
    const record = fields === null ? null : { ...before?.record, ...fields, [keyField]: key };
    this.#store(table, key, record, before?.owner ?? owner);
    this.effects.add({
      ...{ mutationId: '', user: '', device: '', type: 'server', table, key },
      ...{ before: before?.record ?? null, after: this.find(table, key)?.record ?? null },
    });
  }

  /** Answers one request, all at once. The credentials are `Bearer <user>`; `X-Device` says whose effects these are. */
  handle(request: ReferenceRequest): ReferenceAnswer {
    const headers = new Headers(request.headers);
    const user = /^Bearer (\w+)$/.exec(headers.get('Authorization') ?? '')?.[1];
    if (user === undefined) return this.#problem(401, 'auth-required');
    const expected = headers.get('Sync-Expect-User');
    if (expected !== null && decodeURIComponent(expected) !== user) return this.#problem(409, 'user-mismatch');
    const device = headers.get('X-Device') ?? '';
    const path = request.path.replace(/\?.*$/, '');
    if (path === '/sync/ping') return this.#answer(user, 204, '', null);
    const [, hash] = /^\/sync\/files\/(\w+)$/.exec(path) ?? [];
    if (hash !== undefined) return this.#content(user, hash, request);
    const body: unknown = request.body === '' ? {} : JSON.parse(request.body);
    if (!isJsonObject(body)) return this.#problem(400, 'invalid-body');
    switch (path) {
      case '/sync/upload':
        return this.#json(user, { protocol: 1, serverEpoch: this.epoch, outcomes: this.#upload(user, device, body) });
      case '/sync/download':
        return this.#answer(user, 200, downloadText(this, user, body), 'application/x-ndjson');
      case '/sync/read':
        return this.#json(user, this.#read(user, body));
      case '/sync/files': {
        const hashes = arrayOf(body['hashes']).map(textOf);
        const files = hashes.map((each) => ({ hash: each, received: this.contents.received(user, each) }));
        return this.#json(user, { protocol: 1, files });
      }
      case '/sync/settle':
        return this.#json(user, this.#settle(user, body));
      case '/sync/failures':
        this.failures.push(...arrayOf(body['failures']).filter(isJsonObject));
        return this.#answer(user, 204, '', null);
      default:
        return this.#rest(user, request.method, path);
    }
  }

  #content(user: string, hash: string, { method, headers, body }: ReferenceRequest): ReferenceAnswer {
    const given = new Headers(headers);
    if (method === 'PUT') {
      const range = given.get('Content-Range') ?? '';
      const { status, received } = this.contents.put(user, hash, { range, body });
      if (status !== 200) return this.#problem(status, status === 409 ? 'offset' : 'hash');
      return this.#json(user, { protocol: 1, files: [{ hash, received }] });
    }
    const found = this.contents.get(user, hash, given.get('Range'));
    if (found === null) return this.#problem(404, 'not-found');
    const answer = this.#answer(user, 200, found.text, 'application/octet-stream');
    if (found.range === null) return answer;
    return { ...answer, status: 206, headers: { ...answer.headers, 'Content-Range': found.range } };
  }

  #tableOf(name: string): ReferenceTable {
    const table = referenceTables[name];
    if (table === undefined) throw new Error(`The reference server has no table ${name}.`);
    return table;
  }

  #mayRead(row: { readonly table: string; readonly owner: string }, user: string): boolean {
    return this.#tableOf(row.table).access === 'shared' || row.owner === user;
  }

  #store(table: string, key: RecordKey, record: JsonRecord | null, owner: string): void {
    const id = idOf(table, key);
    const seq = this.log.length + 1;
    this.log.push({ seq, table, key, owner });
    if (record === null) this.#records.delete(id);
    else this.#records.set(id, { table, key, record: { ...record, made: seq }, version: seq, owner });
  }

  #upload(user: string, device: string, body: JsonObject): Outcome[] {
    const onConflict = isJsonObject(body['onConflict']) ? body['onConflict'] : {};
    const uploading: Uploading = { user, device, onConflict, own: new Map(), names: new KeyNames() };
    const changes = arrayOf(body['changes']).filter(isJsonObject);
    const take = (): Outcome[] => changes.map((change) => this.#take(uploading, change));
    return body['group'] === undefined ? take() : this.#allOrNone(user, take);
  }

  /** One that is not applied undoes the others, if this is the first time. */
  #allOrNone(user: string, take: () => Outcome[]): Outcome[] {
    const records = new Map(this.#records);
    const counts = { log: this.log.length, effects: this.effects.all.length, keys: this.keys.made.length };
    const outcomes = take();
    const because = outcomes.find(({ type }) => type !== 'applied')?.mutationId;
    // A repeat does nothing, and has the outcomes of the first time.
    if (because === undefined || this.effects.all.length === counts.effects) return outcomes;
    this.#records = records;
    this.log.splice(counts.log);
    this.effects.keep(counts.effects);
    this.keys.keep(counts.keys);
    return outcomes.map((outcome) => {
      const { mutationId } = outcome;
      // With the record as it is without the group.
      if (outcome.type !== 'applied') {
        const known = this.#ledger.get(`${user}\u0000${mutationId}`);
        return known === undefined ? outcome : this.#replay(user, known);
      }
      const undone: Outcome = { type: 'undone', mutationId, because };
      this.#ledger.set(`${user}\u0000${mutationId}`, { outcome: undone, table: '', key: '' });
      return undone;
    });
  }

  #take(uploading: Uploading, change: JsonObject): Outcome {
    const mutationId = mutationIdOf(change['mutationId']);
    const ledgerId = `${uploading.user}\u0000${mutationId}`;
    const { names, device, user } = uploading;
    const [sentTable, sentKey] = targetOf(change);
    const known = this.#ledger.get(ledgerId);
    if (known !== undefined) {
      if (known.key !== sentKey && known.table === sentTable) names.add(sentTable, sentKey, known.key);
      return this.#replay(user, known);
    }
    const isMade = change['type'] === 'create' && referenceTables[sentTable]?.serverKeys === true;
    const next = isMade ? this.keys.next() : null;
    const own = new KeyNames();
    if (next !== null) own.add(sentTable, sentKey, next);
    const named = this.keys.named(own, this.keys.named(names, change));
    const decided = this.#decide(uploading, named, mutationId);
    const isApplied = decided.type === 'applied';
    const [table, key] = targetOf(isMade && !isApplied ? change : named);
    const made = isApplied ? next : null;
    if (made !== null) {
      names.add(table, sentKey, made);
      this.keys.note({ table, device, temporary: sentKey, key: made });
    }
    const outcome: Outcome = isApplied ? { type: 'applied', mutationId, record: null, version: null } : decided;
    const row = { outcome, table, key };
    this.#ledger.set(ledgerId, row);
    return {
      ...this.#replay(user, row),
      ...(decided.type === 'applied' && decided.of !== undefined ? { of: decided.of } : {}),
    };
  }

  /** The stored outcome, with the record as it is now. */
  #replay(user: string, known: LedgerRow): Outcome {
    const { outcome, table, key } = known;
    if (table === '' || (outcome.type !== 'applied' && outcome.type !== 'conflict')) return outcome;
    const row = this.#records.get(idOf(table, key));
    const isThere = row !== undefined && this.#mayRead(row, user);
    const current = { record: isThere ? row.record : null, version: isThere ? String(row.version) : null };
    if (outcome.type === 'conflict') return { ...outcome, ...current };
    return { ...outcome, ...(referenceTables[table]?.serverKeys === true ? { key } : {}), ...current };
  }

  #decide(uploading: Uploading, change: JsonObject, mutationId: MutationId): Decision {
    const { user, device } = uploading;
    const [table, key] = targetOf(change);
    const log = (type: 'create' | 'update' | 'delete', before: JsonRecord | null): Decision => {
      const after = this.find(table, key)?.record ?? null;
      this.effects.add({ mutationId, user, device, type, table, key, before, after });
      return { type: 'applied' };
    };
    if (change['type'] === 'command') return this.#command(uploading, change, mutationId);
    const row = this.#records.get(idOf(table, key));
    if (row !== undefined && !this.#mayRead(row, user)) {
      return { type: 'forbidden', mutationId, message: 'This user may not read or write the record.' };
    }
    const before = row?.record ?? null;
    const conflict = (): Decision => ({ type: 'conflict', mutationId, record: before, version: String(row?.version) });
    const fits = row === undefined || this.#fits(uploading, table, row, change['baseVersion'] ?? null);
    if (change['type'] === 'delete') {
      // What is gone already is deleted too: the effect shows that the deletion arrived.
      if (row === undefined) return log('delete', null);
      if (!fits) return conflict();
      this.#put(uploading, table, key, null);
      return log('delete', before);
    }
    const sent = isJsonObject(change['record']) ? change['record'] : {};
    if (change['type'] === 'create' && row !== undefined) return conflict();
    if (change['type'] === 'update' && row === undefined) {
      return { type: 'gone', mutationId, message: 'The server has no such record any more.' };
    }
    if (!fits) return conflict();
    const fields = change['type'] === 'create' ? Object.keys(sent) : arrayOf(change['fields']).map(String);
    const record = merged(before ?? {}, sent, fields);
    const faults = faultsOf(record);
    if (faults !== null) {
      return { type: 'rejected', mutationId, code: 'validation', message: 'It is not valid.', fields: faults };
    }
    const file = record[this.#tableOf(table).file ?? ''];
    if (isFileReference(file) && !this.contents.has(user, file.hash)) {
      this.early.push(`${table} ${key} by ${user} on ${device} named a content that was not sent`);
      return { type: 'rejected', mutationId, code: 'validation', message: 'Its content is not here.' };
    }
    for (const [field, parent] of Object.entries(this.#tableOf(table).references)) {
      const reference = record[field];
      if (!isRecordKey(reference) || before?.[field] === reference || this.find(parent, reference) !== undefined)
        continue;
      if (parent === table && reference === key) continue;
      const references = { table: parent, key: reference };
      return { type: 'dangling', mutationId, message: 'It refers to what is not there.', references };
    }
    this.#put(uploading, table, key, record);
    return log(row === undefined ? 'create' : 'update', before);
  }

  /** Whether nobody but this upload changed the record since the version on which the change is based. */
  #fits(uploading: Uploading, table: string, row: StoredRecord & { readonly key: RecordKey }, base: Json): boolean {
    if (uploading.onConflict[table] === 'overwrite') return true;
    const own = uploading.own.get(idOf(table, row.key));
    return String(row.version) === base || (own !== undefined && (base === null || String(own.before) === base));
  }

  #put({ own, user }: Uploading, table: string, key: RecordKey, record: JsonRecord | null): void {
    const id = idOf(table, key);
    const row = this.#records.get(id);
    own.set(id, { before: own.get(id)?.before ?? row?.version ?? 0 });
    this.#store(table, key, record, row?.owner ?? user);
  }

  #command(uploading: Uploading, change: JsonObject, mutationId: MutationId): Decision {
    const { user, device } = uploading;
    const [, table = '', key] = /^\/api\/(visits|tasks)\/([^/]+)\/close$/.exec(textOf(change['path'])) ?? [];
    const row = key === undefined ? undefined : this.#records.get(idOf(table, keyIn(table, key)));
    if (row === undefined) return { type: 'gone', mutationId, message: 'There is no such record.' };
    if (!this.#mayRead(row, user)) return { type: 'forbidden', mutationId, message: 'Not a record of this user.' };
    const note = isJsonObject(change['body']) ? (change['body']['stamp'] ?? null) : null;
    const isFirst = !uploading.own.has(idOf(table, row.key));
    const of = { table, key: row.key, found: String(row.version) };
    this.#put(uploading, table, row.key, { ...row.record, closed: note });
    const after = this.find(table, row.key)?.record ?? null;
    this.effects.add({
      ...{ mutationId, user, device, type: 'command', table, key: row.key, before: row.record, after },
    });
    return isFirst ? { type: 'applied', of } : { type: 'applied' };
  }

  #read(user: string, body: JsonObject): JsonObject {
    const tables = arrayOf(body['tables'])
      .filter(isJsonObject)
      .map(({ table, keys }) => {
        const name = textOf(table);
        const readable = this.readable(name, user);
        const records = arrayOf(keys)
          .filter(isRecordKey)
          .map((key) => {
            const row = readable.get(key);
            return { key, record: row?.record ?? null, version: row === undefined ? null : String(row.version) };
          });
        return { table: name, records };
      });
    return { protocol: 1, serverEpoch: this.epoch, tables };
  }

  #settle(user: string, body: JsonObject): Json {
    const outcomes = arrayOf(body['mutationIds']).map((id): Outcome | { type: 'unknown'; mutationId: MutationId } => {
      const mutationId = mutationIdOf(id);
      const ledgerId = `${user}\u0000${mutationId}`;
      const known = this.#ledger.get(ledgerId);
      if (known !== undefined) return this.#replay(user, known);
      if (body['fence'] !== true) return { type: 'unknown', mutationId };
      const outcome: Outcome = { type: 'fenced', mutationId };
      this.#ledger.set(ledgerId, { outcome, table: '', key: '' });
      return outcome;
    });
    // eslint-disable-next-line @typescript-eslint/no-unsafe-return -- the round trip makes plain JSON of readonly shapes
    return JSON.parse(JSON.stringify({ protocol: 1, serverEpoch: this.epoch, outcomes }));
  }

  /** Reads of the plain API: what the worker passes on for what it does not hold. */
  #rest(user: string, method: string, path: string): ReferenceAnswer {
    const [, table = '', key] = /^\/api\/(\w+)(?:\/([^/]+))?$/.exec(path) ?? [];
    const definition = referenceTables[table];
    if (definition === undefined || method !== 'GET') return this.#problem(404, 'not-found');
    const readable = this.readable(table, user);
    if (key === undefined)
      return this.#json(
        user,
        [...readable.values()].map((row) => row.record),
      );
    const row = readable.get(keyIn(table, key));
    return row === undefined ? this.#problem(404, 'not-found') : this.#json(user, row.record);
  }

  #json(user: string, value: unknown): ReferenceAnswer {
    return this.#answer(user, 200, JSON.stringify(value), 'application/json');
  }

  #answer(user: string, status: number, body: string, type: string | null): ReferenceAnswer {
    const headers = { ...protocol, 'Sync-User': encodeURIComponent(user) };
    return { status, headers: type === null ? headers : { ...headers, 'Content-Type': type }, body };
  }

  #problem(status: number, code: string): ReferenceAnswer {
    const headers = { ...protocol, 'Content-Type': 'application/problem+json' };
    return { status, headers, body: JSON.stringify({ status, code, title: code, detail: code }) };
  }
}

function mutationIdOf(value: unknown): MutationId {
  if (!isMutationId(value)) throw new Error(`${JSON.stringify(value)} is no mutation id.`);
  return value;
}

function targetOf(change: JsonObject): [string, RecordKey] {
  const { table, key } = change;
  return typeof table === 'string' && isRecordKey(key) ? [table, key] : ['', ''];
}

/** The key in a part of an address. */
function keyIn(table: string, part: string): RecordKey {
  const text = decodeURIComponent(part);
  return referenceTables[table]?.keyType === 'number' ? Number(text) : text;
}

function merged(record: JsonRecord, sent: JsonObject, fields: readonly string[]): JsonRecord {
  const result = new Map(Object.entries(record));
  for (const field of fields) {
    const value = Object.hasOwn(sent, field) ? sent[field] : undefined;
    if (value === undefined) result.delete(field);
    else result.set(field, value);
  }
  return Object.fromEntries(result);
}
