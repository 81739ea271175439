import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../sw/protocol/record.ts';
import type { TableOptions } from '../../sw/store/schema.ts';
import type { Device } from './engine-fixture.ts';
import { visit } from './engine-page.ts';
import { arrayOf, asJson, asObject, type Fixture } from './server-fixture.ts';

export const tables: Readonly<Record<string, TableOptions>> = {
  visits: { path: '/api/visits', key: 'id' },
  places: { path: '/api/places', key: 'id', columns: { country: 'string' } },
};

const isVisitsEnd = (line: string): boolean => line.startsWith('{"type":"end","table":"visits"');

/** Downloads break off behind the end mark of visits, or before it. */
export function breakingOff(where: 'behind' | 'before'): Device['network'] {
  return async (path, forward) => {
    const answer = await forward();
    if (path !== '/sync/download') return answer;
    const lines = (await answer.text()).split('\n');
    const kept = lines.slice(0, lines.findIndex(isVisitsEnd) + (where === 'behind' ? 1 : 0));
    return new Response(`${kept.join('\n')}\n`, { headers: answer.headers });
  };
}

/** So many that the first of them are stored before the last ones come. */
export async function makeLarge(fixture: Fixture): Promise<void> {
  for (let count = 0; count < 24; count += 1) {
    const large = visit(randomUUID(), { note: 'x'.repeat(60_000) });
    await fixture.request('POST', '/api/visits', { body: large });
  }
}

/** The tables that each download from now on asks for. */
export function listening(device: Device): JsonObject[][] {
  const asked: JsonObject[][] = [];
  device.network = (path, forward, _headers, _method, body) => {
    if (path === '/sync/download' && typeof body === 'string')
      asked.push(arrayOf(asObject(asJson(body))['tables']).map(asObject));
    return forward();
  };
  return asked;
}
