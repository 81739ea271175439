import type { AnyTransaction, WriteTransaction } from './database.ts';
import type { RequestRow } from './request-rows.ts';
import { readSeqState, setMeta } from './meta.ts';

/** A row left by another incarnation of the worker counts as the same request for this long (SPEC Q-1). */
export const repeatWindowMs: number = 10_000;
/** Answers under an explicit `Idempotency-Key` are kept this long (SPEC Q-2). */
export const explicitKeepMs: number = 24 * 60 * 60 * 1000;

const mostUnheard = 1000;

/** What a page's write is known by. */
export interface RequestIdentity {
  /** Of client, method, URL and body; or of the explicit idempotency key. */
  readonly hash: string;
  readonly explicit: boolean;
  readonly bodyHash: string;
  /** Unique to this dispatch. */
  readonly dispatch: string;
  readonly incarnation: string;
}

/** The row under which this request's answer is stored. Explicit keys have one row, others one for each dispatch. */
export function requestRowKey(identity: RequestIdentity): string {
  return identity.explicit ? explicitRowKey(identity.hash) : `${identity.hash}#${identity.dispatch}`;
}

/** The row of the requests with this `Idempotency-Key`. */
export function explicitRowKey(idempotencyKey: string): string {
  return `key:${idempotencyKey}`;
}

export type RequestMatch =
  | { readonly type: 'new' }
  | { readonly type: 'repeat'; readonly row: RequestRow }
  /** The same explicit key was used for another body. */
  | { readonly type: 'changed' };

/** Whether this request was answered before. Scope: requests, meta. Equal requests that one living worker meets are different clicks. */
export async function matchRequest(tx: AnyTransaction, identity: RequestIdentity, now: number): Promise<RequestMatch> {
  const store = tx.objectStore('requests');
  if (identity.explicit) {
    const row = await store.get(requestRowKey(identity));
    if (row === undefined) return { type: 'new' };
    return row.bodyHash === identity.bodyHash ? { type: 'repeat', row } : { type: 'changed' };
  }
  const [rows, { requests }] = await Promise.all([
    store.getAll(IDBKeyRange.bound(`${identity.hash}#`, `${identity.hash}#\uffff`)),
    readSeqState(tx),
  ]);
  const row = [...rows, ...requests.filter(({ fingerprint }) => fingerprint.startsWith(`${identity.hash}#`))].find(
    (candidate) => candidate.incarnation !== identity.incarnation && Math.abs(now - candidate.at) < repeatWindowMs,
  );
  return row === undefined ? { type: 'new' } : { type: 'repeat', row };
}

/** Whether a request that an earlier incarnation of the worker met could still come again. Scope: requests, meta. */
export async function canRepeat(tx: AnyTransaction, incarnation: string, now: number): Promise<boolean> {
  const since = now - repeatWindowMs;
  const [recent, { requests }] = await Promise.all([
    tx.objectStore('requests').index('at').getAll(IDBKeyRange.lowerBound(since)),
    readSeqState(tx),
  ]);
  return [...recent, ...requests.filter(({ at }) => at >= since)].some((row) => row.incarnation !== incarnation);
}

/** Takes requests off the list that the last guessed write left. Scope: meta. */
export async function takeOffList(tx: WriteTransaction, fingerprints: ReadonlySet<string>): Promise<void> {
  const { last, requests } = await readSeqState(tx);
  const left = requests.filter(({ fingerprint }) => !fingerprints.has(fingerprint));
  if (left.length < requests.length) await setMeta(tx, 'seqWrites', { seq: last, requests: left });
}

/**
 * Takes a row for this dispatch: it serves no other one of this incarnation, but would serve once more if the worker died
 * again before the answer was handed over.
 */
export async function claimRequest(tx: WriteTransaction, row: RequestRow, identity: RequestIdentity): Promise<void> {
  if (row.explicit) return;
  await Promise.all([
    tx.objectStore('requests').put({ ...row, incarnation: identity.incarnation }),
    takeOffList(tx, new Set([row.fingerprint])),
  ]);
}

/** Requests of plain `fetch` whose answers an earlier incarnation of the worker did not hand over, as far as it noted. */
export async function unheardRequests(tx: AnyTransaction, incarnation: string): Promise<readonly RequestRow[]> {
  const store = tx.objectStore('requests');
  const [before, behind, { requests }] = await Promise.all([
    // All but the rows of explicit keys, of which there may be many.
    store.getAll(IDBKeyRange.upperBound(explicitRowKey(''), true), mostUnheard),
    store.getAll(IDBKeyRange.lowerBound(explicitRowKey('\uffff'), true), mostUnheard),
    readSeqState(tx),
  ]);
  const rows = [...before, ...behind, ...requests];
  return rows.filter((row) => !row.explicit && row.incarnation !== incarnation);
}

/** Scope: requests, meta. */
export async function forgetRequests(tx: WriteTransaction, rows: readonly RequestRow[]): Promise<void> {
  const fingerprints = new Set(rows.map(({ fingerprint }) => fingerprint));
  await Promise.all([
    takeOffList(tx, fingerprints),
    ...[...fingerprints].map((fingerprint) => tx.objectStore('requests').delete(fingerprint)),
  ]);
}

/** Forgets rows that can serve no repeat any more. */
export async function sweepRequests(tx: WriteTransaction, now: number): Promise<void> {
  const store = tx.objectStore('requests');
  const old = await store.index('at').getAll(IDBKeyRange.upperBound(now - 6 * repeatWindowMs), 1000);
  await Promise.all(
    old.filter((row) => !row.explicit || row.at < now - explicitKeepMs).map((row) => store.delete(row.fingerprint)),
  );
}
