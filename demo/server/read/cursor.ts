import { createHash } from 'node:crypto';
import type { WireScope } from '../../../sw/protocol/wire.ts';
import { type Queryable, quoteName, type SqlRow, textOf } from '../database/database.ts';
import type { TableDefinition } from '../schema/table-definition.ts';
import { audienceOf, readableBy, statement } from './condition.ts';

/**
 * What a cursor holds for; any other user, access, scope or database makes it void.
 *
 * A cursor's position says where in the history of the database a client stands: all transactions before it were over, and
 * what they committed is known to the client. It is the *oldest transaction still running* when the client's copy was read
 * (`pg_snapshot_xmin`), and each row bears the transaction that last changed it. So a row that was numbered early and
 * committed late has a transaction at or after every cursor taken meanwhile; what is sent twice does no harm.
 */
export interface CursorGround {
  readonly serverEpoch: string;
  readonly user: string;
  readonly accessEpoch: number;
  readonly schema: number;
  readonly table: string;
  readonly scope: WireScope;
}

function fingerprint(ground: CursorGround): string {
  const { serverEpoch, user, accessEpoch, schema, table, scope } = ground;
  const text = JSON.stringify([serverEpoch, user, accessEpoch, schema, table, scope]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 24);
}

/** Where a client's copy stands. */
export interface CursorStand {
  readonly position: bigint;
  /** How many records it had then, so that what did not change since need not be counted; null in a snapshot's cursor. */
  readonly count: number | null;
}

export function printCursor({ position, count }: CursorStand, ground: CursorGround): string {
  return `${fingerprint(ground)}.${position}${count === null ? '' : `.${count}`}`;
}

/** Null if the text is no cursor, or one that does not hold here. */
export function parseCursor(text: string | null, ground: CursorGround): CursorStand | null {
  const parts = /^([\w-]{24})\.(\d{1,20})(?:\.(\d{1,15}))?$/.exec(text ?? '');
  if (parts?.[2] === undefined || parts[1] !== fingerprint(ground)) return null;
  return { position: BigInt(parts[2]), count: parts[3] === undefined ? null : Number(parts[3]) };
}

export interface Bounds {
  readonly now: bigint;
  /** Tombstones before it were swept away. */
  readonly horizon: bigint;
}

/** The columns that `asBounds` reads. */
const boundsSql =
  'pg_snapshot_xmin(pg_current_snapshot())::text as now, ' +
  `(select value from sync_meta where name = 'tombstone-horizon') as horizon`;

function asBounds(row: SqlRow | undefined): Bounds {
  return { now: BigInt(textOf(row, 'now')), horizon: BigInt(textOf(row, 'horizon')) };
}

export async function readBounds(tx: Queryable): Promise<Bounds> {
  const [row] = await tx.query(`select ${boundsSql}`);
  return asBounds(row);
}

/**
 * The bounds, and whether anything that this user could read was written or removed since the position: one statement of
 * one snapshot, which looks at the newest entry of two indexes, however large the table is.
 */
export async function readUnchanged(
  tx: Queryable,
  { table, user, position }: { readonly table: TableDefinition; readonly user: string; readonly position: bigint },
): Promise<Bounds & { readonly unchanged: boolean }> {
  const { sql, parameters } = statement((bind) => {
    const since = `${bind(String(position))}::xid8`;
    const newest = (from: string): string =>
      `coalesce((select _xact from ${from} order by _xact desc limit 1) < ${since}, true)`;
    const rows = `${quoteName(table.name)} where ${readableBy(table, user)(bind)}`;
    const tombstones =
      `sync_tombstones where table_name = ${bind(table.name)} ` + `and audience = ${bind(audienceOf(table, user))}`;
    return `select ${boundsSql}, ${newest(rows)} and ${newest(tombstones)} as unchanged`;
  });
  const [row] = await tx.query(sql, parameters);
  return { ...asBounds(row), unchanged: row?.['unchanged'] === true };
}

/** A position after the present one comes from a database that was since set back. */
export function isWithin(position: bigint, { now, horizon }: Bounds): boolean {
  return horizon <= position && position <= now;
}
