import { quoted, readList, recordPath, write } from './api.ts';
import { type Line, readLine, readVisit, type Visit } from './records.ts';

/** A line as it is typed; without an id until it is saved. */
export interface LineDraft {
  readonly id: string | null;
  readonly productCode: number;
  readonly quantity: number;
  readonly price: number;
}

export interface VisitDraft {
  readonly id: string | null;
  readonly placeId: string | null;
  readonly date: string;
  readonly note: string;
  readonly rating: number | null;
  readonly reference: string;
}

export function today(): string {
  const now = new Date();
  const pad = (part: number): string => String(part).padStart(2, '0');
  return `${String(now.getFullYear())}-${pad(now.getMonth() + 1)}-${pad(now.getDate())}`;
}

/** What the server will most likely compute; it alone decides. */
export function estimateTotal(lines: readonly LineDraft[]): number {
  return lines.reduce((sum, line) => sum + Math.round(line.quantity * line.price * 100) / 100, 0);
}

export async function readLines(visitId: string): Promise<readonly Line[]> {
  const query = { filter: `visitId = ${quoted(visitId)}`, limit: 500 };
  const answer = await readList('/api/lines', readLine, { query });
  return answer.records;
}

function sameLine(a: LineDraft, b: LineDraft): boolean {
  return a.productCode === b.productCode && a.quantity === b.quantity && a.price === b.price;
}

/** Writes the visit and what changed of its lines; each write is on disk when its answer is there. */
export async function saveVisit(
  draft: VisitDraft,
  lines: readonly LineDraft[],
  before: { readonly visit: Visit | null; readonly lines: readonly Line[] },
): Promise<string> {
  const { placeId, date, note, rating } = draft;
  const fields = { placeId, date, note, rating, reference: draft.reference === '' ? null : draft.reference };
  let id = draft.id;
  if (id === null) {
    const created = readVisit(await write('POST', '/api/visits', fields));
    if (created === null) throw new Error('The visit was stored, but the answer does not name its key.');
    id = created.id;
  } else {
    const old: Readonly<Record<string, unknown>> = { ...before.visit };
    const changed = Object.fromEntries(Object.entries(fields).filter(([name, value]) => old[name] !== value));
    if (Object.keys(changed).length > 0) await write('PATCH', recordPath('visits', id), changed);
  }
  const kept = new Set(lines.map((line) => line.id));
  for (const line of before.lines) {
    if (!kept.has(line.id)) await write('DELETE', recordPath('lines', line.id));
  }
  for (const line of lines) {
    const content = { visitId: id, productCode: line.productCode, quantity: line.quantity, price: line.price };
    const old = before.lines.find((other) => other.id === line.id);
    if (line.id === null) await write('POST', '/api/lines', content);
    else if (old === undefined || !sameLine(old, line)) await write('PATCH', recordPath('lines', line.id), content);
  }
  return id;
}

/** The lines first, because they refer to the visit. */
export async function deleteVisit(id: string, lines: readonly Line[]): Promise<void> {
  for (const line of lines) await write('DELETE', recordPath('lines', line.id));
  await write('DELETE', recordPath('visits', id));
}

/** A command: kept in order with the changes before it, and sent by the next run. */
export async function closeVisit(id: string): Promise<void> {
  await write('POST', `${recordPath('visits', id)}/close`, {});
}
