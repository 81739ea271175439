import { quoted, readList, readRecord, recordPath } from './api.ts';
import { type Place, readPlace } from './records.ts';

export interface PlaceSearch {
  readonly text: string;
  /** ISO code, or empty for everywhere. */
  readonly country: string;
}

export interface FoundPlaces {
  readonly places: readonly Place[];
  readonly total: number;
  readonly source: 'local' | 'network';
  readonly tookMs: number;
}

/** `%` and `_` stand for other characters in LIKE; `_` at their place matches them, and little else. */
function pattern(text: string): string {
  return text.replaceAll(/[%_\\]/g, '_');
}

/** Names that begin with the text first, then those with a later word that does. */
export async function searchPlaces(
  search: PlaceSearch,
  options: { readonly limit: number; readonly signal?: AbortSignal },
): Promise<FoundPlaces> {
  const startedAt = performance.now();
  const { limit, ...rest } = options;
  const within = search.country === '' ? '' : ` AND country = ${quoted(search.country)}`;
  const typed = pattern(search.text.trim());
  if (typed === '') {
    const filter = search.country === '' ? {} : { filter: `country = ${quoted(search.country)}` };
    const answer = await readList('/api/places', readPlace, { query: { ...filter, orderBy: 'name', limit }, ...rest });
    const tookMs = performance.now() - startedAt;
    return { places: answer.records, total: answer.total, source: answer.source, tookMs };
  }
  const first = await readList('/api/places', readPlace, {
    query: { filter: `name LIKE ${quoted(`${typed}%`)}${within}`, orderBy: 'name', limit },
    ...rest,
  });
  if (first.total >= limit) {
    const tookMs = performance.now() - startedAt;
    return { places: first.records, total: first.total, source: first.source, tookMs };
  }
  const later = await readList('/api/places', readPlace, {
    query: {
      filter: `name LIKE ${quoted(`% ${typed}%`)} AND name NOT LIKE ${quoted(`${typed}%`)}${within}`,
      orderBy: 'name',
      limit: limit - first.records.length,
    },
    ...rest,
  });
  return {
    places: [...first.records, ...later.records],
    total: first.total + later.total,
    source: first.source,
    tookMs: performance.now() - startedAt,
  };
}

const known = new Map<string, Place>();

/** Places by key; those that are not known, or cannot be asked for now, are left out. */
export async function placesByKey(keys: Iterable<string>): Promise<ReadonlyMap<string, Place>> {
  const found = new Map<string, Place>();
  await Promise.all(
    [...new Set(keys)].map(async (key) => {
      const place = known.get(key) ?? (await readRecord(recordPath('places', key), readPlace).catch(() => null));
      if (place === null) return;
      known.set(key, place);
      found.set(key, place);
    }),
  );
  return found;
}
