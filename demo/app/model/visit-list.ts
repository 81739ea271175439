import type { StatusDetail, SyncClient } from 'holdfast/client';
import { readList } from './api.ts';
import { type DraftRow, readDraftRows } from './drafts.ts';
import { marksOf } from './marks.ts';
import { placesByKey } from './places.ts';
import { type Place, readVisit, type Visit } from './records.ts';

export interface VisitRow {
  readonly visit: Visit;
  readonly place: Place | null;
  readonly detail: StatusDetail;
}

export interface VisitList {
  readonly rows: readonly VisitRow[];
  readonly total: number;
  /** What was begun and not committed; it waits for its user, not for the server. */
  readonly drafts: readonly DraftRow[];
}

const stride = 200;

interface Marked {
  readonly visit: Visit;
  readonly detail: StatusDetail;
}

async function readMarked(
  sync: SyncClient,
  query: { readonly limit: number; readonly offset: number; readonly signal: AbortSignal },
): Promise<{ readonly marked: readonly Marked[]; readonly total: number; readonly notSynchronized: number }> {
  const { limit, offset, signal } = query;
  const answer = await readList('/api/visits', readVisit, { query: { orderBy: '-date', limit, offset }, signal });
  const keys = answer.records.map((visit) => visit.id);
  const marks = await marksOf(sync, { table: 'visits', keys, answer });
  const marked = answer.records.map((visit) => ({ visit, detail: marks.get(visit.id) ?? ('clean' as const) }));
  return { marked, total: answer.total, notSynchronized: answer.notSynchronized };
}

/** The visits that are not synchronized, wherever they stand in the list; the search ends when all of them are found. */
async function readUnsynchronized(
  sync: SyncClient,
  { limit, signal }: { readonly limit: number; readonly signal: AbortSignal },
): Promise<{ readonly marked: readonly Marked[]; readonly total: number }> {
  const found: Marked[] = [];
  for (let offset = 0; ; offset += stride) {
    const page = await readMarked(sync, { limit: stride, offset, signal });
    found.push(...page.marked.filter(({ detail }) => detail !== 'clean'));
    const end = offset + stride >= page.total;
    if (end || found.length >= limit || found.length >= page.notSynchronized) {
      return { marked: found, total: end ? found.length : Math.max(found.length, page.notSynchronized) };
    }
  }
}

/** The latest visits with their places and marks. */
export async function readVisitList(
  sync: SyncClient,
  options: { readonly limit: number; readonly onlyUnsynchronized: boolean; readonly signal: AbortSignal },
): Promise<VisitList> {
  const { limit, signal } = options;
  const [{ marked, total }, drafts] = await Promise.all([
    options.onlyUnsynchronized
      ? readUnsynchronized(sync, { limit, signal })
      : readMarked(sync, { limit, offset: 0, signal }),
    readDraftRows(signal),
  ]);
  const places = await placesByKey(marked.map(({ visit }) => visit.placeId).filter((key) => key !== null));
  const rows = marked.map(({ visit, detail }) => {
    const place = visit.placeId === null ? null : (places.get(visit.placeId) ?? null);
    return { visit, place, detail };
  });
  return { rows, total, drafts };
}
