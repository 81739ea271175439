import type { JsonObject } from '../protocol/record.ts';
import type { WireChange } from '../protocol/wire.ts';
import type { BackendTable } from './backend.ts';
import type { RecordChange } from './rest-change.ts';
import { patchValue, type VersionOf } from './rest-records.ts';
import type { RestClient, RestRequest } from './rest-request.ts';

export interface RestWriteOptions {
  readonly idempotency: 'key' | 'client-keys' | 'none';
  readonly idempotencyHeader: string | false;
  readonly preconditionHeader: string | false;
  readonly versionOf: VersionOf;
}

type Headers = Readonly<Record<string, string>>;

export function idempotencyOf(
  { mutationId }: WireChange,
  { idempotency, idempotencyHeader: name }: RestWriteOptions,
): Headers {
  return idempotency === 'key' && name !== false ? { [name]: mutationId } : {};
}

/** The request for a change of a record. `version`: that which the record must have; `from`: what an update's objects are merged into. */
export function requestOf(
  change: RecordChange,
  client: RestClient,
  options: RestWriteOptions & {
    readonly table: BackendTable;
    readonly version: string | null;
    readonly from: JsonObject;
  },
): RestRequest {
  const { table, version, from, idempotency, preconditionHeader: name } = options;
  const url = client.urlOf(table, change.key);
  const list = client.urlOf(table);
  const headers = idempotencyOf(change, options);
  const quoted = name !== false && /^if-match$/i.test(name) ? `"${version}"` : (version ?? '');
  const checked = name === false || version === null ? headers : { ...headers, [name]: quoted };
  switch (change.type) {
    case 'create': {
      const { record: body } = change;
      if (table.serverKeys) {
        const keyless = Object.fromEntries(Object.entries(body).filter(([field]) => field !== table.key));
        return { method: 'POST', url: list, body: keyless, headers };
      }
      if (idempotency !== 'client-keys') return { method: 'POST', url: list, body, headers };
      // What others have made of it since is not overwritten by a repeat (U-03).
      return { method: 'PUT', url, body, headers: name === false ? headers : { ...headers, 'If-None-Match': '*' } };
    }
    case 'update': {
      const { fields, record } = change;
      const body = Object.fromEntries(fields.map((field) => [field, patchValue(from[field], record[field])]));
      return { method: 'PATCH', url, body, headers: checked };
    }
    case 'delete':
      return { method: 'DELETE', url, headers: checked };
  }
}
