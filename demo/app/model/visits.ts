import type { GroupRequest, JsonObject } from 'holdfast/client';
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

function fieldsOf({ placeId, date, note, rating, reference }: VisitDraft): JsonObject {
  return { placeId, date, note, rating, reference: reference === '' ? null : reference };
}

/** What differs from the visit as it was shown, as a request; null: nothing does. */
export function visitRequest(draft: VisitDraft, shown: Visit): GroupRequest | null {
  const old: Readonly<Record<string, unknown>> = { ...shown };
  const changed = Object.entries(fieldsOf(draft)).filter(([name, value]) => old[name] !== value);
  if (changed.length === 0) return null;
  return { method: 'PATCH', url: recordPath('visits', shown.id), body: Object.fromEntries(changed) };
}

/** Writes what differs from the visit as it was shown; answers the visit as it is on this device now. */
export async function storeVisit(draft: VisitDraft, shown: Visit | null, options: WriteOptions = {}): Promise<Visit> {
  const fields = fieldsOf(draft);
  if (shown === null) {
    const created = readVisit(await write('POST', '/api/visits', fields, options));
    if (created === null) throw new Error('The visit was stored, but the answer does not name its key.');
    return created;
  }
  const request = visitRequest(draft, shown);
  if (request === null && options.asDraft !== true) return shown;
  const answer = await write('PATCH', recordPath('visits', shown.id), request?.body ?? {}, options);
  return readVisit(answer) ?? { ...shown, ...draft };
}

/** What differs from the lines as they were shown, as requests: the lines that are gone are deleted first. */
export function lineRequests(
  visitId: string,
  lines: readonly LineDraft[],
  shown: readonly Line[],
): readonly GroupRequest[] {
  const kept = new Set(lines.map((line) => line.id));
  const gone = shown.filter((line) => !kept.has(line.id));
  const changed = lines.filter((line) => {
    const old = shown.find((other) => other.id === line.id);
    return old === undefined || !sameLine(old, line);
  });
  return [
    ...gone.map((line): GroupRequest => ({ method: 'DELETE', url: recordPath('lines', line.id) })),
    ...changed.map((line): GroupRequest => {
      return { method: 'PUT', url: recordPath('lines', line.id), body: { ...line, visitId } };
    }),
  ];
}

/** Writes the lines that differ from those shown, and deletes those that are gone; safe to repeat. */
export async function storeLines(
  visitId: string,
  lines: readonly LineDraft[],
  shown: readonly Line[],
  options: WriteOptions = {},
): Promise<readonly Line[]> {
  for (const { method, url, body } of lineRequests(visitId, lines, shown)) await write(method, url, body, options);
  return lines.map((line) => ({ ...line, visitId }));
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
