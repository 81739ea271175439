import { type Queryable, integerOf, quoteName, textOf } from '../database/database.ts';
import type { Catalog } from '../schema/table-definition.ts';

/** A content as one user sent it: each user's are their own, so that nobody gets one by knowing its hash. */
export interface StoredFile {
  readonly owner: string;
  readonly hash: string;
  readonly size: number;
}

export interface FileContext {
  readonly catalog: Catalog;
  readonly user: string;
}

/** The columns that refer to contents, as SQL. */
function fileColumns(catalog: Catalog): readonly { readonly table: string; readonly hash: string }[] {
  return catalog.tables.flatMap(({ name, columns }) =>
    Object.entries(columns)
      .filter(([, { type }]) => type === 'file')
      .map(([column]) => ({ table: quoteName(name), hash: `(${quoteName(column)}::json ->> 'hash')` })),
  );
}

/** Those of the hashes that a record names which the user may read. */
async function readableHashes(
  tx: Queryable,
  { catalog, user }: FileContext,
  hashes: readonly string[],
): Promise<Set<string>> {
  const found = new Set<string>();
  for (const { table, hash } of fileColumns(catalog)) {
    const rows = await tx.query(
      `select distinct ${hash} as hash from ${table} where ${hash} = any($1::text[]) and _owner in ('', $2)`,
      [hashes, user],
    );
    for (const row of rows) found.add(textOf(row, 'hash'));
  }
  return found;
}

/** The whole content, as this user or the writer of a record they may read sent it. */
export async function findFile(tx: Queryable, context: FileContext, hash: string): Promise<StoredFile | null> {
  const rows = await tx.query(
    'select user_name, size::int as size from sync_files where hash = $1 and received = size order by user_name <> $2',
    [hash, context.user],
  );
  const files = rows.map((row) => ({ owner: textOf(row, 'user_name'), hash, size: integerOf(row, 'size') }));
  const own = files.find(({ owner }) => owner === context.user);
  if (own !== undefined) return own;
  const [other] = files;
  if (other === undefined || !(await readableHashes(tx, context, [hash])).has(hash)) return null;
  return other;
}

/** How many bytes of each content are here for this user. */
export async function receivedOf(
  tx: Queryable,
  context: FileContext,
  hashes: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const received = new Map<string, number>();
  if (hashes.length === 0) return received;
  const readable = await readableHashes(tx, context, hashes);
  const rows = await tx.query(
    'select user_name, hash, size::int as size, received::int as received from sync_files where hash = any($1::text[])',
    [hashes],
  );
  for (const row of rows) {
    const hash = textOf(row, 'hash');
    const bytes = integerOf(row, 'received');
    const isWhole = bytes === integerOf(row, 'size');
    if (textOf(row, 'user_name') !== context.user && !(isWhole && readable.has(hash))) continue;
    received.set(hash, Math.max(bytes, received.get(hash) ?? 0));
  }
  return received;
}

/** Those of the hashes whose content is here, whole, for this user. */
export async function wholeHashes(
  tx: Queryable,
  context: FileContext,
  hashes: readonly string[],
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  if (hashes.length === 0) return found;
  const readable = await readableHashes(tx, context, hashes);
  const rows = await tx.query(
    'select user_name, hash from sync_files where hash = any($1::text[]) and received = size',
    [hashes],
  );
  for (const row of rows) {
    const hash = textOf(row, 'hash');
    if (textOf(row, 'user_name') === context.user || readable.has(hash)) found.add(hash);
  }
  return found;
}

/** Forgets contents that no record names: those under way for three days, the others likewise since they came. */
export async function sweepFiles(tx: Queryable, catalog: Catalog): Promise<void> {
  const named = fileColumns(catalog)
    .map(({ table, hash }) => `not exists (select 1 from ${table} where ${hash} = f.hash)`)
    .join(' and ');
  await tx.query(
    `delete from sync_files as f where at < now() - interval '3 days' and (received < size or (${named === '' ? 'true' : named}))`,
  );
}
