import type { JsonRecord } from '../../../sw/protocol/record.ts';

export interface ReferenceTable {
  readonly key: string;
  readonly keyType: 'string' | 'number';
  /** The server makes the keys of new records. */
  readonly serverKeys: boolean;
  /** `owner`: each user has records of their own. `shared`: everyone has all of them. */
  readonly access: 'owner' | 'shared';
  readonly references: Readonly<Record<string, string>>;
  /** The field that refers to the record's file. */
  readonly file?: string;
}

const named = { key: 'id', keyType: 'string', serverKeys: false, access: 'owner' } as const;

/** What the reference server keeps. Small on purpose: one table for each kind of access, key and reference. */
export const referenceTables: Readonly<Record<string, ReferenceTable>> = {
  visits: { ...named, references: {}, file: 'photo' },
  lines: { ...named, references: { visitId: 'visits', taskId: 'tasks' } },
  products: { key: 'Code', keyType: 'number', serverKeys: false, access: 'shared', references: {} },
  tasks: { ...named, keyType: 'number', serverKeys: true, references: { afterId: 'tasks' }, file: 'photo' },
};

/** Why the server does not take a record, by field; null: it does. */
export function faultsOf(record: JsonRecord): Readonly<Record<string, string>> | null {
  const { rating } = record;
  return typeof rating === 'number' && rating > 5 ? { rating: 'must be 5 or less' } : null;
}
