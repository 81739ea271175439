import type { TableSelection } from 'holdfast/client';
import { quoted } from './api.ts';

/** The ticked visits, each with its lines, photos and tasks: a visit without them would not be what its user sees. */
export function selectionOf(visits: ReadonlySet<string>): Readonly<Record<string, TableSelection>> {
  const keys = [...visits];
  const filter = `visitId IN (${keys.map(quoted).join(', ')})`;
  return { visits: keys, lines: { filter }, photos: { filter }, tasks: { filter } };
}
