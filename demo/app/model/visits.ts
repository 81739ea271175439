import { quoted, readList, recordPath, write, type WriteOptions } from './api.ts';
import { deletePhoto, readPhotos } from './photos.ts';
import { deleteTask, readTasks } from './tasks.ts';
import { type Line, readLine, readVisit, type Visit } from './records.ts';

/** A line as it is typed. Its key is made with it, so that saving twice stores it once. */
export interface LineDraft {
  readonly id: string;
  readonly productCode: number;
  readonly quantity: number;
  readonly price: number;
}

export interface VisitDraft {
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

/** Writes what differs from the visit as it was shown; answers the visit as it is on this device now. */
export async function storeVisit(draft: VisitDraft, shown: Visit | null, options: WriteOptions = {}): Promise<Visit> {
  const { placeId, date, note, rating } = draft;
  const fields = { placeId, date, note, rating, reference: draft.reference === '' ? null : draft.reference };
  if (shown === null) {
    const created = readVisit(await write('POST', '/api/visits', fields, options));
    if (created === null) throw new Error('The visit was stored, but the answer does not name its key.');
    return created;
  }
  const old: Readonly<Record<string, unknown>> = { ...shown };
  const changed = Object.fromEntries(Object.entries(fields).filter(([name, value]) => old[name] !== value));
  if (Object.keys(changed).length === 0 && options.asDraft !== true) return shown;
  return readVisit(await write('PATCH', recordPath('visits', shown.id), changed, options)) ?? { ...shown, ...fields };
}

/** Writes the lines that differ from those shown, and deletes those that are gone; safe to repeat. */
export async function storeLines(
  visitId: string,
  lines: readonly LineDraft[],
  shown: readonly Line[],
  options: WriteOptions = {},
): Promise<readonly Line[]> {
  const kept = new Set(lines.map((line) => line.id));
  for (const line of shown) {
    if (!kept.has(line.id)) await write('DELETE', recordPath('lines', line.id), undefined, options);
  }
  const stored = lines.map((line) => ({ ...line, visitId }));
  for (const line of stored) {
    const old = shown.find((other) => other.id === line.id);
    if (old === undefined || !sameLine(old, line)) await write('PUT', recordPath('lines', line.id), line, options);
  }
  return stored;
}

export async function deleteLines(lines: readonly Line[]): Promise<void> {
  for (const line of lines) await write('DELETE', recordPath('lines', line.id));
}

/** The lines, photos and tasks first, because they refer to the visit. */
export async function deleteVisit(id: string, lines: readonly Line[]): Promise<void> {
  for (const photo of (await readPhotos(id)).photos) await deletePhoto(photo.id);
  for (const task of (await readTasks(id)).tasks) await deleteTask(task.id);
  await deleteLines(lines);
  await write('DELETE', recordPath('visits', id));
}

/** A command: kept in order with the changes before it, and sent by the next run. */
export async function closeVisit(id: string): Promise<void> {
  await write('POST', `${recordPath('visits', id)}/close`, {});
}
