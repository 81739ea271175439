import { expect, it } from 'vitest';
import { compileFilter } from '../../sw/filter/compile.ts';
import { parseFilter } from '../../sw/filter/parse.ts';
import type { ColumnType } from '../../sw/protocol/filter-tree.ts';
import type { JsonObject } from '../../sw/protocol/record.ts';
import { arrayOf, asObject, create, onBothDatabases } from './server-fixture.ts';

const types: Readonly<Record<string, ColumnType>> = {
  id: 'string',
  placeId: 'string',
  date: 'date',
  note: 'string',
  rating: 'number',
  reference: 'string',
  status: 'string',
  total: 'number',
};

const records: readonly JsonObject[] = [
  { id: 'f1', note: 'Alpha', rating: 1, date: '2026-01-01', reference: 'F-1' },
  { id: 'f2', note: 'alpha_beta 50%', rating: 2, date: '2026-01-01T23:30:00-02:00', reference: null },
  { id: 'f3', note: 'ÄRGER Straße', rating: null, date: null },
  { id: 'f4', note: '007 back\\slash', rating: 5, date: '2026-01-02T00:00:00Z', reference: 'F-4' },
  { id: 'f5', note: '\u{1F600} smile', rating: 3, date: '2026-12-31', reference: "O'BRIEN" },
  { id: 'f6', note: '0', rating: 4, placeId: 'AD-1' },
  { id: 'f7', note: '.5 up', rating: 4, placeId: 'AD-2' },
];

const filters = [
  'rating > 2',
  'rating <> 4',
  'NOT rating > 2',
  "rating < '3'",
  "rating < 'three'",
  "rating > 'three' OR rating IS NULL",
  'note = 0',
  "note >= 'a'",
  "note LIKE 'ALPHA%'",
  "note LIKE '%ä%'",
  "note LIKE '_ smile'",
  "note LIKE '%\\\\%'",
  "note LIKE '%!_%' ESCAPE '!'",
  "note LIKE '%50!%' ESCAPE '!'",
  "note LIKE 'x!' ESCAPE '!'",
  "NOT note LIKE 'alpha%'",
  "rating LIKE '4'",
  "date LIKE '2026-01-02t01%'",
  "date = '2026-01-02'",
  "date < '2026-01-02'",
  "date BETWEEN '2026-01-01' AND '2026-01-02'",
  "date IN ('2026-12-31')",
  'rating IN (1, 5, NULL)',
  'rating NOT IN (1, 5, NULL)',
  "rating NOT IN (1, '5')",
  'rating IN ()',
  "reference IN ('F-1', NULL)",
  'reference = NULL',
  'reference IS NOT NULL',
  "reference = 'O''BRIEN'",
  'note',
  'NOT note',
  'rating',
  'note = reference',
  'rating > total',
  'rating BETWEEN total AND 3',
  "status = 'open' AND (rating = 1 OR placeId = 'AD-1')",
  'NULL OR rating = 1',
  'NOT (NULL AND rating = 1)',
  "'a' < 'b' AND 2 > 1",
  "'10' > 9",
  "'abc' LIKE note",
];

onBothDatabases('A filter', (fixture) => {
  it('K-10 means on the server what it means on a device', async () => {
    const outcomes = await fixture.upload(records.map((record) => create('visits', record)));
    const stored = outcomes.map((outcome) => asObject(outcome['record']));
    expect(stored).toHaveLength(records.length);
    for (const text of filters) {
      const { test } = compileFilter(parseFilter(text, { table: 'visits', types }), { types });
      const wanted = stored.filter((record) => test(record)).map((record) => record['id']);
      const query = `filter=${encodeURIComponent(`(${text}) AND id LIKE 'f_'`)}`;
      const { status, body } = await fixture.request('GET', `/api/visits?${query}`);
      const found = status === 200 ? arrayOf(body).map((record) => asObject(record)['id']) : body;
      expect([text, found]).toEqual([text, wanted]);
    }
  });

  it('takes the values of parameters beside it, and reads them by the columns’ types (K-06)', async () => {
    const ask = async (filter: string, values: Readonly<Record<string, string>>): Promise<unknown> => {
      const query = new URLSearchParams({ filter: `(${filter}) AND id LIKE 'f_'`, ...values });
      const { status, body } = await fixture.request('GET', `/api/visits?${query}`);
      return status === 200 ? arrayOf(body).map((record) => asObject(record)['id']) : asObject(body)['code'];
    };
    expect(await ask('rating > :least', { ':least': '3' })).toEqual(['f4', 'f6', 'f7']);
    expect(await ask('reference = :text', { ':text': "O'BRIEN" })).toEqual(['f5']);
    expect(await ask('rating IN (:a, :b)', { ':a': '1', ':b': '5' })).toEqual(['f1', 'f4']);
    expect(await ask('note LIKE :pattern', { ':pattern': "'; drop table visits; --%" })).toEqual([]);
    expect(await ask('rating > :least', { ':most': '3' })).toBe('filter');
  });

  it('refuses what it cannot say in SQL', async () => {
    for (const text of ['note = rating', 'rating = date OR note = total', "note LIKE reference ESCAPE '!'"]) {
      const { status, body } = await fixture.request('GET', `/api/visits?filter=${encodeURIComponent(text)}`);
      expect([text, status, asObject(body)['code']]).toEqual([text, 400, 'filter']);
    }
  });

  it('orders NULL first when ascending and last when descending', async () => {
    const order = async (orderBy: string) => {
      const filter = encodeURIComponent("id LIKE 'f_'");
      const { body } = await fixture.request('GET', `/api/visits?filter=${filter}&orderBy=${orderBy}`);
      return arrayOf(body).map((record) => asObject(record)['id']);
    };
    expect(await order('rating')).toEqual(['f3', 'f1', 'f2', 'f5', 'f6', 'f7', 'f4']);
    expect(await order('-rating,-id')).toEqual(['f4', 'f7', 'f6', 'f5', 'f2', 'f1', 'f3']);
    expect((await order('date')).slice(-3)).toEqual(['f4', 'f2', 'f5']);
  });
});
