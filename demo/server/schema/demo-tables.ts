import type { JsonRecord } from '../../../sw/protocol/record.ts';
import type { HookResult, TableDefinition } from './table-definition.ts';

const rejectMark = '#reject';

function upperCaseReference(record: JsonRecord): HookResult {
  const reference = record['reference'];
  return typeof reference === 'string' ? { record: { ...record, reference: reference.toUpperCase() } } : { record };
}

function refuseMarkedNote(record: JsonRecord): HookResult {
  const note = record['note'];
  return typeof note === 'string' && note.includes(rejectMark)
    ? { reject: `A note with the mark ${rejectMark} is not taken.` }
    : { record };
}

/** In whole cents, so that 0.1 + 0.2 is 0.3. */
function sumOfLines(lines: Iterable<JsonRecord>): number {
  let total = 0;
  for (const line of lines) {
    const { quantity = null, price = null } = line;
    if (typeof quantity === 'number' && typeof price === 'number') total += quantity * price;
  }
  return Math.round(total * 100) / 100;
}

/** The demo's tables: a traveller visits places and sells products there. */
export const demoTables: readonly TableDefinition[] = [
  {
    name: 'places',
    key: 'id',
    access: { type: 'shared' },
    columns: {
      id: { type: 'string' },
      name: { type: 'string', required: true },
      lat: { type: 'number', required: true, minimum: -90, maximum: 90 },
      lng: { type: 'number', required: true, minimum: -180, maximum: 180 },
      country: { type: 'string', required: true },
      admin1: { type: 'string' },
      admin2: { type: 'string' },
    },
  },
  {
    name: 'products',
    key: 'Code',
    access: { type: 'shared' },
    columns: {
      Code: { type: 'number', integer: true },
      Name: { type: 'string', required: true },
      Stock: { type: 'number', integer: true },
    },
  },
  {
    name: 'visits',
    key: 'id',
    access: { type: 'owned' },
    columns: {
      id: { type: 'string' },
      placeId: { type: 'string', references: { table: 'places', onDelete: 'restrict' } },
      date: { type: 'date' },
      note: { type: 'string', required: true },
      rating: { type: 'number', integer: true, minimum: 1, maximum: 5 },
      reference: { type: 'string', unique: true },
      status: { type: 'string', computed: 'open' },
      total: { type: 'number', computed: 0 },
    },
    hooks: [upperCaseReference, refuseMarkedNote],
    totals: [{ column: 'total', children: 'lines', through: 'visitId', compute: sumOfLines }],
  },
  {
    name: 'lines',
    key: 'id',
    access: { type: 'parent', column: 'visitId', table: 'visits' },
    columns: {
      id: { type: 'string' },
      visitId: { type: 'string', required: true, references: { table: 'visits', onDelete: 'cascade' } },
      productCode: { type: 'number', required: true, references: { table: 'products', onDelete: 'restrict' } },
      quantity: { type: 'number', required: true, minimum: 0 },
      price: { type: 'number', required: true, minimum: 0 },
    },
  },
  {
    name: 'photos',
    key: 'id',
    access: { type: 'parent', column: 'visitId', table: 'visits' },
    columns: {
      id: { type: 'string' },
      visitId: { type: 'string', required: true, references: { table: 'visits', onDelete: 'cascade' } },
      caption: { type: 'string' },
      content: { type: 'file' },
    },
  },
  {
    name: 'tasks',
    key: 'id',
    access: { type: 'parent', column: 'visitId', table: 'visits' },
    serverKeys: true,
    columns: {
      id: { type: 'number', integer: true },
      visitId: { type: 'string', required: true, references: { table: 'visits', onDelete: 'cascade' } },
      title: { type: 'string', required: true },
      done: { type: 'boolean' },
      afterId: { type: 'number', references: { table: 'tasks', onDelete: 'restrict' } },
    },
  },
  {
    name: 'preferences',
    key: 'name',
    access: { type: 'personal' },
    columns: { name: { type: 'string' }, value: { type: 'json' } },
  },
];
