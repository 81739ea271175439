import { isJsonObject } from '../protocol/record.ts';
import type { ConflictCopies, ConflictPolicy, Table } from '../store/schema.ts';

type ConflictFunction = Exclude<ConflictPolicy, string>;

type Choice =
  | { readonly type: 'server' }
  | { readonly type: 'record'; readonly text: string }
  | { readonly type: 'none'; readonly message: string };

/** Asks the app's own function; what it throws, or gives instead of a record, must cost nobody's work. */
export function choose(table: Table, policy: ConflictFunction, copies: ConflictCopies): Choice {
  const none = (what: string): Choice => ({ type: 'none', message: `The app’s conflict function ${what}.` });
  try {
    const chosen: unknown = policy(copies);
    if (chosen === 'server') return { type: 'server' };
    // One that is async gives no record, and must not fail unheard.
    Promise.resolve(chosen).catch(() => undefined);
    // A function, or nothing, has no text.
    const text = JSON.stringify(chosen ?? null) as string | undefined;
    const record: unknown = JSON.parse(text ?? 'null');
    if (text === undefined || !isJsonObject(record) || record[table.key] !== copies.key)
      return none('gave neither this record nor «server»');
    return { type: 'record', text };
  } catch (error) {
    return none(`failed (${String(error)})`);
  }
}
