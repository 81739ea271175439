import { SyncError } from '../protocol/errors.ts';
import { KeyNames } from '../protocol/key-names.ts';
import { isJsonObject, isRecordKey, type JsonObject, type RecordKey } from '../protocol/record.ts';
import type { Outcome, WireChange } from '../protocol/wire.ts';
import { decoded } from '../store/schema.ts';
import type { BackendCall, BackendTable } from './backend.ts';
import { fieldsOf, hasFields, isRandom, isWord, keyAt, noWord } from './rest-answer.ts';
import type { Command, RecordChange } from './rest-change.ts';
import type { Sent } from './rest-order.ts';
import { idempotencyOf, requestOf, type RestWriteOptions } from './rest-write.ts';
import { getRecord, isSameKey, lookUp, recordIn, type VersionedRecord } from './rest-records.ts';
import { deleted, isFinal, later, messageOf, refusal, rejected } from './rest-refusal.ts';
import type { RestAnswer, RestClient, RestRequest } from './rest-request.ts';
import { counted, type Sends } from './rest-sends.ts';

/** How often a 409 is borne that may say that the first request is still under way. */
const mostRepeats = 5;

/** After so many failures in a row it is the server that fails. */
const mostFailed = 5;

/** One upload's writes: each change is a request, and its answer an outcome. */
export class RestUpload {
  readonly #client: RestClient;
  readonly #call: BackendCall;
  readonly #options: RestWriteOptions;
  readonly #onConflict: JsonObject;
  readonly #sends: Sends;
  /** How many in a row the server failed on. */
  #failed = 0;
  /** What this upload made of records: the next change of one is based on that, not on what the device had. */
  readonly #versions = new Map<string, string | null>();
  /** The keys that the server has made during this upload. */
  readonly #names = new KeyNames();

  constructor(
    client: RestClient,
    call: BackendCall,
    options: RestWriteOptions,
    { onConflict, sends }: { readonly onConflict: JsonObject; readonly sends: Sends },
  ) {
    this.#client = client;
    this.#call = call;
    this.#options = options;
    this.#onConflict = onConflict;
    this.#sends = sends;
  }

  /** The server fails at everything. */
  get gaveUp(): boolean {
    return this.#failed > mostFailed;
  }

  async send(sent: WireChange): Promise<Sent> {
    const change = this.#named(sent);
    const { mutationId } = change;
    try {
      const outcome = await this.#sendChange(change).then(
        (answered) => {
          this.#failed = 0;
          return answered;
        },
        (error: unknown) => this.#failedOn(change, error),
      );
      if (outcome.type !== 'later') this.#sends.delete(mutationId);
      return { outcome };
    } catch (error) {
      const fault = error instanceof Error ? error : new Error(String(error));
      // Of what certainly was not taken nothing is unknown (U-14).
      const isPending = this.#isOnce(change) && this.#sends.get(mutationId) === 0;
      return isPending ? { outcome: later(change, String(fault)), fault } : { fault };
    }
  }

  /** A repeat could have its effect twice. */
  #isOnce({ type }: WireChange): boolean {
    return this.#options.idempotency === 'none' && (type === 'create' || type === 'command');
  }

  /** How often it went out before the sending that was answered. */
  #before({ mutationId }: WireChange): number {
    return (this.#sends.get(mutationId) ?? 1) - 1;
  }

  #write({ mutationId }: WireChange, request: RestRequest): Promise<RestAnswer> {
    return counted(this.#sends, mutationId, () => this.#client.send(request, this.#call));
  }

  /**
   * A 500 may be this change's own fault: the others go on, and it is tried again later. After several without another answer the
   * server fails at everything, and is not asked for the rest. Whether it was applied all the same, its record tells.
   */
  async #failedOn(change: WireChange, error: unknown): Promise<Outcome> {
    const { mutationId, type } = change;
    const details = error instanceof SyncError ? error.details : {};
    if (details['status'] !== 500 || details['retryAfterMs'] !== undefined || this.#isOnce(change)) throw error;
    this.#failed += 1;
    const again = later(change, String(error));
    const table = type === 'command' ? undefined : this.#client.context.tables.get(change.table);
    if (type === 'command' || table === undefined || (type === 'create' && table.serverKeys)) return again;
    if (this.gaveUp) return again;
    const found = await this.#lookUp(table, change.key).catch(() => again);
    if (found === null) return type === 'delete' ? deleted(change) : again;
    // Not to be read is not gone.
    if (type === 'delete' || !('record' in found)) return again;
    const isRandomKey = type === 'create' && isRandom(change.key);
    const isOwn = isRandomKey || hasFields(found.record, change.record, fieldsOf(change));
    if (type === 'update' && !isOwn) return again;
    return { type: isOwn ? 'applied' : 'conflict', mutationId, ...found };
  }

  async #sendChange(change: WireChange): Promise<Outcome> {
    if (change.type === 'command') return this.#sendCommand(change);
    const table = this.#client.context.tables.get(change.table);
    if (table === undefined) return rejected(change, 'schema', `There is no table ${change.table}.`);
    if (change.type === 'create') await this.#call.onAttempt?.(change.mutationId);
    const version = this.#versionOf(change, this.#client.urlOf(table, change.key));
    const from = await this.#mergedInto(change, table);
    const answer = await this.#write(
      change,
      requestOf(change, this.#client, { table, version, from, ...this.#options }),
    );
    const outcome = answer.ok
      ? await this.#applied(change, table, answer)
      : await this.#refused(change, table, answer, version);
    if (outcome.type === 'applied') this.#versions.set(this.#client.urlOf(table, change.key), outcome.version);
    return outcome;
  }

  /** The change with the keys that the server has made for what it names. */
  #named(change: WireChange): WireChange {
    const names = this.#names;
    if (names.size === 0) return change;
    if (change.type === 'command')
      return { ...change, path: names.inPath(change.path), body: names.inJson(change.body) };
    const table = this.#client.context.tables.get(change.table);
    if (table === undefined) return change;
    const key = names.of(change.table, change.key);
    if (change.type === 'delete') return { ...change, key };
    const fields = [...table.references, { field: table.key, table: table.name }];
    return { ...change, key, record: names.inRecord(change.record, fields) };
  }

  #read(table: BackendTable, key: RecordKey): Promise<VersionedRecord | null> {
    return getRecord(this.#client, { table, key, versionOf: this.#options.versionOf }, this.#call);
  }

  #lookUp(table: BackendTable, key: RecordKey): Promise<VersionedRecord | RestAnswer | null> {
    return lookUp(this.#client, { table, key, versionOf: this.#options.versionOf }, this.#call);
  }

  /** The version that the record must have at the server; null: any. */
  #versionOf(change: RecordChange, url: string): string | null {
    if (change.type === 'create' || this.#options.preconditionHeader === false) return null;
    if (this.#onConflict[change.table] === 'overwrite') return null;
    const written = this.#versions.get(url);
    return (written === undefined ? change.baseVersion : written) || null;
  }

  /** What the objects in an update are merged into. Under one idempotency key there is one body, whatever the record is by now. */
  async #mergedInto(change: RecordChange, table: BackendTable): Promise<JsonObject> {
    if (change.type !== 'update') return {};
    const { fields, record, before } = change;
    if (before !== undefined || !fields.some((field) => isJsonObject(record[field]))) return before ?? {};
    return (await this.#read(table, change.key))?.record ?? {};
  }

  async #applied(change: RecordChange, table: BackendTable, answer: RestAnswer): Promise<Outcome> {
    const { mutationId } = change;
    if (change.type === 'delete') {
      const left = isWord(answer) ? null : await this.#lookUp(table, change.key);
      if (left !== null) {
        if ('record' in left) throw noWord(answer);
        return later(change, messageOf(left));
      }
      return deleted(change);
    }
    const said = recordIn(answer, table, this.#options.versionOf);
    const isMade = change.type === 'create' && table.serverKeys;
    const own = said?.record[table.key];
    // The server's key is in the record that it answers, or in the address that it gives.
    const key = isRecordKey(own) ? own : isMade ? keyAt(answer, table) : change.key;
    if (key === null) {
      if (!isWord(answer)) throw noWord(answer);
      // The next download brings it.
      return { type: 'applied', mutationId, record: null, version: null };
    }
    if (isMade) this.#names.add(table.name, change.key, key);
    const isWhole =
      said !== null && Object.entries(change.record).every(([name, value]) => value === null || name in said.record);
    const sent = { record: { ...change.record, ...said?.record, [table.key]: key }, version: said?.version ?? null };
    const found = isWhole ? said : await this.#look(answer, table, key, sent);
    const moved = isMade || !isSameKey(key, change.key);
    return {
      type: 'applied',
      mutationId,
      ...(moved ? { key } : {}),
      record: found?.record ?? null,
      version: found?.version ?? null,
    };
  }

  /** The record after a write whose answer does not hold all of it. */
  async #look(
    answer: RestAnswer,
    table: BackendTable,
    key: RecordKey,
    sent: VersionedRecord,
  ): Promise<VersionedRecord | null> {
    const found = this.#read(table, key);
    // That it was applied is certain, whatever becomes of this request: the next download brings what the server has.
    if (isWord(answer)) return found.catch(() => sent);
    if ((await found) === null) throw noWord(answer);
    return found;
  }

  async #refused(
    change: RecordChange,
    table: BackendTable,
    answer: RestAnswer,
    version: string | null,
  ): Promise<Outcome> {
    const { mutationId, type } = change;
    const { status, problem } = answer;
    if ((status === 404 || status === 410) && problem['code'] !== 'unknown-table' && type !== 'create') {
      if (type === 'delete') return deleted(change);
      return { type: 'gone', mutationId, message: messageOf(answer) };
    }
    const mayBeConflict = status === 412 || (status === 409 && (type === 'create' || version !== null));
    const asSaid = (): Outcome => this.#underWay(change, answer) ?? refusal(change, answer);
    // By a temporary key there is nothing to be read.
    const isRead = mayBeConflict && !isFinal(problem['code']) && !(type === 'create' && table.serverKeys);
    if (!isRead) return asSaid();
    const current = await this.#lookUp(table, change.key);
    if (current === null) {
      if (type === 'delete') return deleted(change);
      return type === 'create' ? asSaid() : { type: 'conflict', mutationId, record: null, version: null };
    }
    if (!('record' in current)) {
      const isForbidden = status === 412 && current.status === 403;
      return isForbidden ? { type: 'forbidden', mutationId, message: messageOf(current) } : asSaid();
    }
    // Perhaps an earlier attempt's own doing, if its answer was lost and the server remembers no requests.
    const { idempotency } = this.#options;
    const isSame = type !== 'delete' && hasFields(current.record, change.record, fieldsOf(change));
    // A 409 to what was made on this very copy is about something else. Where it is as it was sent, the first is done by now.
    if (status === 409 && type !== 'create' && current.version === version) return asSaid();
    const underWay = isSame ? this.#underWay(change, answer) : null;
    if (underWay !== null) return underWay;
    const own =
      type === 'update'
        ? idempotency !== 'key' && isSame
        : type === 'create' &&
          idempotency === 'client-keys' &&
          (isSame || (this.#before(change) > 0 && isRandom(change.key)));
    return { type: own ? 'applied' : 'conflict', mutationId, ...current };
  }

  /**
   * A 409 to a repeat may say that the server is not done with the first one, as the Idempotency-Key draft wants it. For ever it
   * says something else.
   */
  #underWay(change: WireChange, answer: RestAnswer): Outcome | null {
    const before = this.#before(change);
    const isUnderWay =
      answer.status === 409 &&
      this.#options.idempotency === 'key' &&
      before > 0 &&
      before <= mostRepeats &&
      !isFinal(answer.problem['code']);
    return isUnderWay ? later(change, messageOf(answer)) : null;
  }

  async #sendCommand(change: Command): Promise<Outcome> {
    const { mutationId, method, path, body } = change;
    const url = new URL(path, this.#client.context.origin).href;
    const request = { method, url, body: body ?? undefined, headers: idempotencyOf(change, this.#options) };
    await this.#call.onAttempt?.(mutationId);
    const answer = await this.#write(change, request);
    if (!answer.ok) {
      if (answer.status !== 404 && answer.status !== 410)
        return this.#underWay(change, answer) ?? refusal(change, answer);
      return { type: 'gone', mutationId, message: messageOf(answer) };
    }
    const found = await this.#subjectOf(url, answer);
    return { type: 'applied', mutationId, record: found?.record ?? null, version: found?.version ?? null };
  }

  /** The record that a command was about, if it answered it. Whether it did or not, the record's version may be another. */
  async #subjectOf(url: string, answer: RestAnswer): Promise<VersionedRecord | null> {
    for (const table of this.#client.context.tables.values()) {
      const base = `${this.#client.urlOf(table)}/`;
      if (!url.startsWith(base)) continue;
      const [segment = ''] = url.slice(base.length).split(/[/?]/);
      const key = decoded(segment) ?? segment;
      const found = isWord(answer) ? recordIn(answer, table, this.#options.versionOf) : await this.#read(table, key);
      const own = isSameKey(found?.record[table.key], key) ? found : null;
      this.#versions.set(`${base}${segment}`, own?.version ?? null);
      return own;
    }
    if (!isWord(answer)) throw noWord(answer);
    return null;
  }
}
