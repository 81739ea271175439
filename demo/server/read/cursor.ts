import { createHash } from 'node:crypto';
import type { WireScope } from '../../../sw/protocol/wire.ts';
import { type Queryable, textOf } from '../database/database.ts';

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

export function printCursor(position: bigint, ground: CursorGround): string {
  return `${fingerprint(ground)}.${position}`;
}

/** Null if the text is no cursor, or one that does not hold here. */
export function parseCursor(text: string | null, ground: CursorGround): bigint | null {
  const parts = /^([\w-]{24})\.(\d{1,20})$/.exec(text ?? '');
  return parts?.[2] === undefined || parts[1] !== fingerprint(ground) ? null : BigInt(parts[2]);
}

export interface Bounds {
  readonly now: bigint;
  /** Tombstones before it were swept away. */
  readonly horizon: bigint;
}

export async function readBounds(tx: Queryable): Promise<Bounds> {
  const [row] = await tx.query(
    'select pg_snapshot_xmin(pg_current_snapshot())::text as now, ' +
      `(select value from sync_meta where name = 'tombstone-horizon') as horizon`,
  );
  return { now: BigInt(textOf(row, 'now')), horizon: BigInt(textOf(row, 'horizon')) };
}

/** A position after the present one comes from a database that was since set back. */
export function isWithin(position: bigint, { now, horizon }: Bounds): boolean {
  return horizon <= position && position <= now;
}
