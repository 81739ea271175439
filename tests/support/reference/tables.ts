import type { JsonRecord } from '../../../sw/protocol/record.ts';

export interface ReferenceTable {
  readonly key: string;
  /** `owner`: each user has records of their own. `shared`: everyone has all of them. */
  readonly access: 'owner' | 'shared';
  readonly references: Readonly<Record<string, string>>;
}

/** What the reference server keeps. Small on purpose: one table for each kind of access, key and reference. */
export const referenceTables: Readonly<Record<string, ReferenceTable>> = {
  visits: { key: 'id', access: 'owner', references: {} },
  lines: { key: 'id', access: 'owner', references: { visitId: 'visits' } },
  products: { key: 'Code', access: 'shared', references: {} },
};

/** Why the server does not take a record, by field; null: it does. */
export function faultsOf(record: JsonRecord): Readonly<Record<string, string>> | null {
  const { rating } = record;
  return typeof rating === 'number' && rating > 5 ? { rating: 'must be 5 or less' } : null;
}
