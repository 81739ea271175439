export interface Item {
  readonly id: string;
  readonly name: string;
  readonly stock: number;
  readonly price: number;
  readonly category: string;
  readonly updated: string;
  readonly desc: string;
}

function isItem(value: unknown): value is Item {
  return typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string';
}

export function itemsOf(text: string): Item[] {
  const items: unknown = JSON.parse(`[${text.trimEnd().replaceAll('\n', ',')}]`);
  if (Array.isArray(items) && items.every(isItem)) return items;
  throw new Error('A row is no record.');
}

/** All records of the server, as a peer without a protocol of its own gets them. */
export async function fetchItems(): Promise<Item[]> {
  return itemsOf(await (await fetch('/rows')).text());
}

/** The record of the n-th write; its number is in `stock`, where the server looks for faults. */
export function newItem(index: number): Item {
  const id = `n${String(index).padStart(9, '0')}`;
  const updated = '2026-01-01T00:00:00.000Z';
  return { id, name: `New ${index}`, stock: index, price: 1, category: 'c1', updated, desc: 'x'.repeat(100) };
}

export const rowsInTransaction = 5000;

export function slices(items: readonly Item[]): readonly (readonly Item[])[] {
  const list: (readonly Item[])[] = [];
  for (let at = 0; at < items.length; at += rowsInTransaction) list.push(items.slice(at, at + rowsInTransaction));
  return list;
}
