import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../sw/protocol/errors.ts';
import { checkNames, parseSchema } from '../../sw/store/parse-schema.ts';

const fine = { path: '/api/visits', key: 'id' };

function refusal(work: () => unknown): unknown {
  try {
    work();
    return null;
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    expect(error.code).toBe('configuration');
    expect(error.message).toContain(String(error.details['option']));
    return error.details['option'];
  }
}

describe('a wrong configuration', () => {
  const cases: readonly (readonly [string, object])[] = [
    ['tables', {}],
    ['tables.a-b', { 'a-b': fine }],
    ['tables.visits.path', { visits: { ...fine, path: 'api/visits' } }],
    ['tables.visits.path', { visits: { ...fine, path: undefined } }],
    ['tables.visits.key', { visits: { ...fine, key: '' } }],
    ['tables.visits.colums', { visits: { ...fine, colums: {} } }],
    ['tables.visits.columns.date', { visits: { ...fine, columns: { date: 'time' } } }],
    ['tables.visits.columns.date.indexed', { visits: { ...fine, columns: { date: { type: 'date', indexed: true } } } }],
    ['tables.visits.columns.id', { visits: { ...fine, columns: { id: 'boolean' } } }],
    ['tables.visits.scope', { visits: { ...fine, scope: 'some' } }],
    ['tables.visits.direction', { visits: { ...fine, direction: 'sideways' } }],
    ['tables.visits.conflict', { visits: { ...fine, conflict: 'mine' } }],
    ['tables.visits.onRejected', { visits: { ...fine, onRejected: 'drop' } }],
    ['tables.visits.references.placeId', { visits: { ...fine, references: { placeId: 'places' } } }],
    [
      'tables.visits.references.parent.onDelete',
      { visits: { ...fine, references: { parent: { table: 'visits', onDelete: 'explode' } } } },
    ],
    ['tables.others.path', { visits: fine, others: fine }],
  ];
  it.each(cases)('names the option %s', (option, tables) => {
    expect(refusal(() => parseSchema(1, tables))).toBe(option);
  });

  it('names a version that is none', () => {
    for (const version of [0, 1.5, '1', undefined])
      expect(refusal(() => parseSchema(version, { visits: fine }))).toBe('version');
  });

  it('names a misspelt option of startSync', () => {
    expect(refusal(() => checkNames('', { nmae: 'rounds' }, ['name']))).toBe('nmae');
  });

  it('is none that is right', () => {
    const columns = { date: { type: 'date', index: true }, id: 'number' };
    const schema = parseSchema(2, { visits: { ...fine, columns, scope: { filter: 'id > 3' } } });
    expect(schema.tables.get('visits')).toMatchObject({ keyType: 'number', conflict: 'last-write-wins' });
  });
});
