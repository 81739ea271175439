import { SyncError } from '../protocol/errors.ts';
import type { GroupRequest } from '../protocol/group.ts';
import { KeyNames, type KeyField } from '../protocol/key-names.ts';
import { isJsonObject, type Json, type RecordKey } from '../protocol/record.ts';
import type { Schema } from '../store/schema.ts';

const namePattern = /^[A-Za-z][A-Za-z0-9_-]*$/;

/** A request of a group that cannot be what is asked for. */
export function wrongRequest(index: number, problem: string): SyncError {
  return new SyncError('invalid-request', `Request ${index} of the group ${problem}. Nothing was stored.`, {
    details: { index },
  });
}

/**
 * The names that the requests of a group give to the records they make, and their keys once these are made: `$name` stands for the
 * key in the requests behind it.
 */
export class GroupNames {
  readonly #made = new KeyNames();
  /** Every name for every table: what is left of them after those that are made were replaced is a mistake. */
  readonly #declared = new KeyNames();

  /** @throws SyncError `invalid-request` for a name that is none, is given twice, or is given to what makes no record. */
  constructor(schema: Schema, requests: readonly GroupRequest[]) {
    const names = new Set<string>();
    for (const [index, { as: name, method }] of requests.entries()) {
      if (name === undefined) continue;
      if (!namePattern.test(name)) throw wrongRequest(index, 'has a name (as) that is not letters, digits, _ and -');
      if (method !== 'POST') throw wrongRequest(index, `gives a name (as) to no new record: it is a ${method}`);
      if (names.has(name)) throw wrongRequest(index, `gives the name ${name} (as) for the second time`);
      names.add(name);
      for (const table of schema.tables.keys()) this.#declared.add(table, `$${name}`, '');
    }
  }

  make(name: string, table: string, key: RecordKey): void {
    this.#made.add(table, `$${name}`, key);
  }

  inAddress(address: string, index: number): string {
    const named = this.#made.inPath(address);
    if (this.#declared.inPath(named) !== named) throw wrongRequest(index, this.#tooEarly(address));
    return named;
  }

  inCommand(body: Json, index: number): Json {
    const named = this.#made.inJson(body);
    const text = JSON.stringify(named);
    if (JSON.stringify(this.#declared.inJson(named)) !== text) throw wrongRequest(index, this.#tooEarly(text));
    return named;
  }

  /** Only in the fields that are declared as references: any other text is the user's. */
  inRecord(body: Json, fields: readonly KeyField[], index: number): Json {
    if (!isJsonObject(body)) return body;
    const named = this.#made.inRecord(body, fields);
    if (this.#declared.inRecord(named, fields) !== named) {
      throw wrongRequest(index, this.#tooEarly(fields.map(({ field }) => field).join(', ')));
    }
    return named;
  }

  #tooEarly(where: string): string {
    return `names (in ${where}) a record that no request before it makes in that table`;
  }
}
