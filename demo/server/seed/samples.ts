import type { JsonRecord } from '../../../sw/protocol/record.ts';
import { type Database, integerOf, type Queryable } from '../database/database.ts';
import type { Catalog } from '../schema/table-definition.ts';
import { insertRecords } from './insert-records.ts';

const products: readonly (readonly [number, string, number])[] = [
  [1, 'Coca Cola', 100],
  [2, 'Pepsi Cola', 200],
  [3, 'Pork Chops', 300],
  [4, 'Apple Juice', 140],
  [5, 'Sparkling Water', 480],
  [6, 'Still Water', 520],
  [7, 'Ground Coffee', 75],
  [8, 'Green Tea', 60],
  [9, 'Whole Milk', 210],
  [10, 'Butter', 95],
  [11, 'Rye Bread', 40],
  [12, 'Basmati Rice', 180],
  [13, 'Spaghetti', 260],
  [14, 'Tomato Sauce', 150],
  [15, 'Olive Oil', 55],
  [16, 'Chicken Breast', 120],
  [17, 'Smoked Salmon', 35],
  [18, 'Cheddar', 80],
  [19, 'Eggs', 600],
  [20, 'Potatoes', 900],
  [21, 'Onions', 430],
  [22, 'Dark Chocolate', 110],
  [23, 'Honey', 48],
];

interface SampleVisit {
  readonly owner: string;
  readonly visit: {
    readonly id: string;
    readonly placeId: string;
    readonly date: string;
    readonly note: string;
    readonly rating: number;
    readonly reference: string;
  };
  /** Product, quantity, price. */
  readonly lines: readonly (readonly [number, number, number])[];
}

const visits: readonly SampleVisit[] = [
  {
    owner: 'ana',
    visit: {
      id: 'ana-visit-1',
      placeId: 'AD-6',
      date: '2026-03-02',
      note: 'First delivery of the season',
      rating: 4,
      reference: 'A-1001',
    },
    lines: [
      [1, 24, 1.2],
      [5, 48, 0.8],
    ],
  },
  {
    owner: 'ana',
    visit: {
      id: 'ana-visit-2',
      placeId: 'AD-7',
      date: '2026-03-09',
      note: 'Asked for larger boxes',
      rating: 3,
      reference: 'A-1002',
    },
    lines: [[3, 10, 6.5]],
  },
  {
    owner: 'ana',
    visit: {
      id: 'ana-visit-3',
      placeId: 'AD-5',
      date: '2026-03-16',
      note: 'Closed on Mondays',
      rating: 5,
      reference: 'A-1003',
    },
    lines: [],
  },
  {
    owner: 'ben',
    visit: {
      id: 'ben-visit-1',
      placeId: 'AD-10',
      date: '2026-03-04',
      note: 'New owner, likes tea',
      rating: 5,
      reference: 'B-2001',
    },
    lines: [
      [8, 12, 3.4],
      [23, 6, 5.9],
    ],
  },
  {
    owner: 'ben',
    visit: {
      id: 'ben-visit-2',
      placeId: 'AD-9',
      date: '2026-03-11',
      note: 'Back door is on the left',
      rating: 2,
      reference: 'B-2002',
    },
    lines: [[20, 50, 0.6]],
  },
];

/** Products, and visits of both users, where there is nothing yet. Without places the visits are made at none. */
export async function seedSamples(
  database: Database,
  catalog: Catalog,
  { places }: { readonly places: boolean },
): Promise<void> {
  await database.transaction(async (tx) => {
    const [row] = await tx.query(
      `insert into sync_meta (name, value) values ('samples', 'stored') on conflict do nothing returning 1 as first`,
    );
    if (row !== undefined && integerOf(row, 'first') === 1) await storeSamples(tx, catalog, places);
  });
}

async function storeSamples(tx: Queryable, catalog: Catalog, places: boolean): Promise<void> {
  await insertRecords(tx, catalog.get('products'), {
    owner: '',
    records: products.map(([Code, Name, Stock]) => ({ Code, Name, Stock })),
  });
  for (const { owner, visit: sample, lines } of visits) {
    const { placeId, ...elsewhere } = sample;
    const visit = places ? { ...elsewhere, placeId } : elsewhere;
    const total = Math.round(lines.reduce((sum, [, quantity, price]) => sum + quantity * price, 0) * 100) / 100;
    const record: JsonRecord = { ...visit, status: 'open', total };
    await insertRecords(tx, catalog.get('visits'), { owner, records: [record] });
    await insertRecords(tx, catalog.get('lines'), {
      owner,
      records: lines.map(([productCode, quantity, price], index) => ({
        id: `${visit.id}-line-${index + 1}`,
        visitId: visit.id,
        productCode,
        quantity,
        price,
      })),
    });
  }
}
