import { isJsonObject, type Json, type JsonRecord, type MutationId, type RecordKey } from './record.ts';

export const groupMethods = ['POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** A write or command as `fetch` would be asked for it. */
export interface GroupRequest {
  readonly method: (typeof groupMethods)[number];
  readonly url: string;
  readonly body?: Json;
  /**
   * A name for the record that this `POST` makes. In the requests behind it, `$name` stands for the record's key: in addresses, in
   * fields declared as references, and anywhere in the body of a command. @default none
   */
  readonly as?: string;
}

export interface GroupOptions {
  /** Stores the group once, however often it is called with this key and the same requests. @default none */
  readonly idempotencyKey?: string;
}

export type GroupMember =
  | {
      readonly type: 'record';
      readonly table: string;
      readonly key: RecordKey;
      /** As stored; null after a delete. */
      readonly record: JsonRecord | null;
    }
  | { readonly type: 'command'; readonly id: MutationId };

export interface GroupResult {
  readonly id: MutationId;
  /** In the order of the requests. */
  readonly members: readonly GroupMember[];
}

export function isGroupRequest(value: unknown): value is GroupRequest {
  if (!isJsonObject(value)) return false;
  const { method, url, as = '' } = value;
  return groupMethods.some((known) => known === method) && typeof url === 'string' && typeof as === 'string';
}
