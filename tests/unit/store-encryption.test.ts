import 'fake-indexeddb/auto';
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { openDB } from 'idb';
import { describe, expect, it } from 'vitest';
import { isMutationId } from '../../sw/protocol/record.ts';
import { createBase } from '../../sw/store/base.ts';
import { createDatabase, type Database, type RowCodec } from '../../sw/store/database.ts';
import { createKeyring } from '../../sw/store/keyring.ts';
import { sealStoredRows } from '../../sw/store/seal-stored-rows.ts';
import { decodeValue, encodeValue } from '../../sw/store/value-bytes.ts';
import { readView } from '../../sw/store/view.ts';
import { writeRecord } from '../../sw/store/write.ts';

const keyring = createKeyring(1000);

async function newCodec(): Promise<RowCodec> {
  return keyring.unlock(await keyring.createSlot('a secret'), 'a secret');
}

function open(name: string, codec: RowCodec | null): Database {
  return createDatabase({ name, signal: new AbortController().signal, codec: () => codec });
}

async function write(database: Database, key: string, content: string): Promise<void> {
  const mutationId = randomUUID();
  if (!isMutationId(mutationId)) throw new Error('not an id');
  const record = { table: 'visits', key, operation: 'put', keyIsNew: false, fetched: null } as const;
  await writeRecord(database, createBase(), { ...record, content: () => content, mutationId, schema: 1 }, 1000);
}

/** Everything that is on the disk, as text. */
async function everything(name: string): Promise<string> {
  const connection = await openDB(name);
  const texts: string[] = [];
  for (const store of connection.objectStoreNames) {
    for (const row of await connection.getAll(store)) {
      texts.push(
        JSON.stringify(row, (_name, value: unknown) =>
          value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
        ),
      );
    }
  }
  connection.close();
  return texts.join('\n');
}

const storable = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.constantFrom(null, true, false, -0, Number.NaN, Number.POSITIVE_INFINITY, '\ud800', '__proto__'),
    fc.uint8Array(),
    fc.float64Array(),
    fc.uint32Array(),
    fc.uint8Array().map((bytes) => bytes.slice().buffer),
    fc.array(tie('value')),
    fc.dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), tie('value'), { noNullPrototype: true }),
  ),
})).value;

describe('encryption at rest', () => {
  it('turns every value that is stored into bytes and back, exactly', () => {
    fc.assert(
      fc.property(storable, (value) => {
        expect(decodeValue(encodeValue(value))).toStrictEqual(value);
      }),
    );
  });

  it('refuses what it could not give back as it was', () => {
    for (const value of [1n, new Map(), new Date(0), [undefined], { a: () => 1 }])
      expect(() => encodeValue(value)).toThrow(TypeError);
  });

  it('leaves no content of a record on the disk, and reads it back', async () => {
    const name = randomUUID();
    const database = open(name, await newCodec());
    await write(database, 'v1', '{"id":"v1","note":"Coca Cola is out"}');
    const view = await readView(database, createBase(), 'visits', 'v1');
    expect(view.text).toBe('{"id":"v1","note":"Coca Cola is out"}');
    const disk = await everything(name);
    expect(disk).toContain('v1');
    expect(disk).not.toContain('Cola');
  });

  it('still finds changes by their order and state: what indexes need is in clear', async () => {
    const database = open(randomUUID(), await newCodec());
    await write(database, 'v1', '{"id":"v1"}');
    await write(database, 'v2', '{"id":"v2"}');
    const rows = await database.read(['changes'], (tx) => tx.objectStore('changes').index('seq').getAll());
    expect(rows.map((row) => row.text)).toEqual(['{"id":"v1"}', '{"id":"v2"}']);
  });

  it('reads rows that were stored before it was switched on', async () => {
    const name = randomUUID();
    await write(open(name, null), 'v1', '{"id":"v1","note":"plain"}');
    const database = open(name, await newCodec());
    expect((await readView(database, createBase(), 'visits', 'v1')).text).toContain('plain');
  });

  it('encrypts what was stored before it was switched on, once', async () => {
    const name = randomUUID();
    await write(open(name, null), 'v1', '{"id":"v1","note":"plain"}');
    const database = open(name, await newCodec());
    await sealStoredRows(database);
    expect(await everything(name)).not.toContain('plain');
    expect((await readView(database, createBase(), 'visits', 'v1')).text).toContain('plain');
  });

  it('says so when the key is another one, and deletes nothing', async () => {
    const slot = await keyring.createSlot('right');
    await expect(keyring.unlock(slot, 'wrong')).rejects.toMatchObject({ code: 'encryption-key' });
    const name = randomUUID();
    await write(open(name, await newCodec()), 'v1', '{"id":"v1"}');
    const before = await everything(name);
    const other = open(name, await newCodec());
    await expect(readView(other, createBase(), 'visits', 'v1')).rejects.toMatchObject({ code: 'storage' });
    expect(await everything(name)).toBe(before);
  });

  it('opens the same rows after the secret was changed, and not with the old one', async () => {
    const slot = await keyring.createSlot('old');
    const name = randomUUID();
    await write(open(name, await keyring.unlock(slot, 'old')), 'v1', '{"id":"v1"}');
    const changed = await keyring.rewrap(slot, { from: 'old', to: 'new' });
    const database = open(name, await keyring.unlock(changed, 'new'));
    expect((await readView(database, createBase(), 'visits', 'v1')).text).toBe('{"id":"v1"}');
    await expect(keyring.unlock(changed, 'old')).rejects.toMatchObject({ code: 'encryption-key' });
  });
});
