import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createBase } from '../../sw/store/base.ts';
import { sweepTable } from '../../sw/store/compaction.ts';
import { createDatabase } from '../../sw/store/database.ts';
import { readView } from '../../sw/store/view.ts';
import { download, type Item } from './store-fixture.ts';

const items = (stock: number): Item[] =>
  Array.from({ length: 2000 }, (_value, index) => ({
    id: `k${String(index).padStart(6, '0')}`,
    stock,
    name: `item ${index}`,
    filler: 'x'.repeat(200),
  }));

describe('a read of one record', () => {
  it('is of the base as it is now, where memory looks ahead in leaves that are gone', async () => {
    const database = createDatabase({ name: randomUUID(), signal: new AbortController().signal });
    const [reader, writer] = [createBase(), createBase()];
    const read = async (key: string): Promise<string | null> => (await readView(database, reader, 'items', key)).text;
    await download(database, writer, true, items(1), []);
    expect(await read('k000000')).toContain('"stock":1');
    await download(database, writer, true, items(2), []);
    // Looked up ahead in the old leaves, which are there still.
    expect(await read('k001000')).toContain('"stock":2');
    await download(database, writer, true, items(3), ['k001900']);
    await sweepTable(database, writer, 'items');
    expect(await read('k001800')).toContain('"stock":3');
    expect(await read('k999999')).toBeNull();
  });
});
