import type { Draft, SyncClient } from 'holdfast/client';
import { readList } from './api.ts';
import { placesByKey } from './places.ts';
import { type Line, type Place, readLine, readVisit, type Visit } from './records.ts';
import { type LineDraft, storeLines, storeVisit, type VisitDraft } from './visits.ts';

/** What is kept of a visit that was not committed: its own draft, and those of its lines. */
interface KeptDraft {
  /** As it would be committed now; null: only lines are kept. */
  readonly visit: Visit | null;
  readonly lines: readonly Line[];
  /** Whether the visit exists as a draft only. */
  readonly isNew: boolean;
}

export interface DraftRow {
  readonly visit: Visit;
  readonly place: Place | null;
}

function linesIn(drafts: readonly Draft[], visitId: string): readonly Line[] {
  return drafts
    .map(({ record }) => readLine(record))
    .filter((line) => line !== null)
    .filter((line) => line.visitId === visitId);
}

/** The draft of a visit; null: there is none. */
export async function readKeptDraft(sync: SyncClient, id: string): Promise<KeptDraft | null> {
  const [visits, lineDrafts] = await Promise.all([sync.drafts('visits'), sync.drafts('lines')]);
  const own = visits.find(({ key }) => key === id);
  const lines = linesIn(lineDrafts, id);
  if (own === undefined && lines.length === 0) return null;
  return { visit: own === undefined ? null : readVisit(own.record), lines, isNew: own?.isNew ?? false };
}

/** Lines as they would be committed: those stored, under those kept as drafts. */
export function withDraftLines(stored: readonly Line[], kept: readonly Line[]): readonly Line[] {
  const byId = new Map(stored.map((line) => [line.id, line]));
  for (const line of kept) byId.set(line.id, line);
  return [...byId.values()];
}

/** The visits that are drafts, the latest first; asked for with plain `fetch`, like any list. */
export async function readDraftRows(signal: AbortSignal): Promise<readonly DraftRow[]> {
  const query = { status: 'draft', orderBy: '-date', limit: 200 };
  const { records } = await readList('/api/visits', readVisit, { query, signal });
  const places = await placesByKey(records.map(({ placeId }) => placeId).filter((key) => key !== null));
  return records.map((visit) => ({
    visit,
    place: visit.placeId === null ? null : (places.get(visit.placeId) ?? null),
  }));
}

/** What a form was filled with: the visit and its lines as they would be committed, and what is stored and kept of them. */
export interface ShownVisit {
  readonly visit: Visit | null;
  readonly lines: readonly Line[];
  readonly storedLines: readonly Line[];
  readonly kept: KeptDraft | null;
}

/** The stored lines that a form has no more. No draft keeps that. */
export function removedLines(shown: ShownVisit, lines: readonly LineDraft[]): readonly Line[] {
  const inForm = new Set(lines.map((line) => line.id));
  return shown.storedLines.filter((line) => !inForm.has(line.id));
}

/** Keeps a form as drafts: on disk when it settles, and never sent. Answers the visit as it would be committed. */
export async function keepDraft(
  draft: VisitDraft,
  { shown, lines }: { readonly shown: ShownVisit; readonly lines: readonly LineDraft[] },
): Promise<Visit> {
  const visit = await storeVisit(draft, shown.visit, { asDraft: true });
  const known = new Set([...lines, ...(shown.kept?.lines ?? [])].map((line) => line.id));
  const before = shown.lines.filter((line) => known.has(line.id));
  await storeLines(visit.id, lines, before, { asDraft: true });
  return visit;
}

/**
 * Makes the drafts of a visit changes, the visit first, because its lines refer to it. Each is a commit of its own: what an end in
 * between leaves is drafts as before.
 */
export async function commitDraft(sync: SyncClient, id: string): Promise<void> {
  const kept = await readKeptDraft(sync, id);
  if (kept === null) return;
  if (kept.visit !== null) await sync.commit('visits', id);
  for (const line of kept.lines) await sync.commit('lines', line.id);
}

/** Gives the drafts of a visit up; what was stored under them stays as it is. */
export async function discardDraft(sync: SyncClient, id: string): Promise<void> {
  const kept = await readKeptDraft(sync, id);
  for (const line of kept?.lines ?? []) await sync.discardDraft('lines', line.id);
  if (kept?.visit !== null) await sync.discardDraft('visits', id);
}
