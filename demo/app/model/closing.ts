import type { GroupRequest, SyncClient, WriteOutcome } from 'holdfast/client';
import { plural } from '../view/format.ts';
import { readRecord, recordPath } from './api.ts';
import { isFields, type Line, readProduct, type Visit } from './records.ts';
import { rememberedUser } from './session.ts';
import { type LineDraft, lineRequests, type VisitDraft, visitRequest } from './visits.ts';

/** A visit's closing that was stored as one with what belongs to it: the server takes all of that or nothing. */
interface Stored {
  /** As in the failures of what was refused of it. */
  readonly group: string;
  readonly idempotencyKey: string;
  /** In words, what is taken together. */
  readonly parts: readonly string[];
}

export interface Closing {
  readonly group: string;
  readonly parts: readonly string[];
  readonly outcome: Extract<WriteOutcome, { readonly type: 'pending' | 'refused' | 'applied' }>;
}

/** By the visit's key, for the user of this device. */
function storageKey(): string {
  return `rounds-closings:${rememberedUser() ?? ''}`;
}

function readAll(): Readonly<Record<string, unknown>> {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(storageKey()) ?? '{}');
    return isFields(stored) ? stored : {};
  } catch {
    return {};
  }
}

function readStored(visitId: string): Stored | null {
  const stored = readAll()[visitId];
  if (!isFields(stored) || !Array.isArray(stored['parts'])) return null;
  const { group, idempotencyKey, parts } = stored;
  return typeof group === 'string' && typeof idempotencyKey === 'string'
    ? { group, idempotencyKey, parts: parts.map(String) }
    : null;
}

function keep(visitId: string, closing: Stored | null): void {
  const others = Object.entries(readAll()).filter(([id]) => id !== visitId);
  const all = closing === null ? others : [...others, [visitId, closing] as const];
  localStorage.setItem(storageKey(), JSON.stringify(Object.fromEntries(all)));
}

/** What the stock of each product will be without what was sold. */
async function stockRequests(lines: readonly LineDraft[]): Promise<readonly GroupRequest[]> {
  const sold = new Map<number, number>();
  for (const { productCode, quantity } of lines) sold.set(productCode, (sold.get(productCode) ?? 0) + quantity);
  const requests: GroupRequest[] = [];
  for (const [code, quantity] of sold) {
    const url = recordPath('products', code);
    const product = await readRecord(url, readProduct);
    if (product === null) throw new Error(`There is no product ${String(code)} to take from. Nothing was stored.`);
    requests.push({ method: 'PATCH', url, body: { Stock: product.Stock - quantity } });
  }
  return requests;
}

/**
 * Stores what is in the form, the products' stock without what was sold, and the closing, all at once. It is on disk when it
 * settles. Were these sent one by one, a visit could be closed without its last edit, or its lines be taken from the stock twice.
 */
export async function closeWithStock(
  sync: SyncClient,
  visit: Visit,
  form: { readonly draft: VisitDraft; readonly lines: readonly LineDraft[]; readonly shownLines: readonly Line[] },
): Promise<void> {
  const edit = visitRequest(form.draft, visit);
  const lines = lineRequests(visit.id, form.lines, form.shownLines);
  const stock = await stockRequests(form.lines);
  const close: GroupRequest = { method: 'POST', url: `${recordPath('visits', visit.id)}/close` };
  const idempotencyKey = crypto.randomUUID();
  const requests = [...(edit === null ? [] : [edit]), ...lines, ...stock, close];
  const { id } = await sync.group(requests, { idempotencyKey });
  const parts = [
    ...(edit === null ? [] : ['what was changed in the visit']),
    ...(lines.length === 0 ? [] : [plural(lines.length, 'changed line', 'changed lines')]),
    `the stock of ${plural(stock.length, 'product', 'products')}`,
    'the closing',
  ];
  keep(visit.id, { group: id, idempotencyKey, parts });
}

/** How a visit's closing stands; null: there is none, it was given up, or all of it was told long ago. */
export async function readClosing(sync: SyncClient, visitId: string): Promise<Closing | null> {
  const stored = readStored(visitId);
  if (stored === null) return null;
  const outcome = await sync.outcomeOf(stored.idempotencyKey);
  if (outcome.type === 'unknown' || outcome.type === 'discarded') {
    forgetClosing(visitId);
    return null;
  }
  return { group: stored.group, parts: stored.parts, outcome };
}

/** Nothing is told of it any more; it goes on all the same. */
export function forgetClosing(visitId: string): void {
  keep(visitId, null);
}
