import { type Database, textOf } from '../../../demo/server/database/database.ts';
import { parseRecord } from '../../../demo/server/schema/record-text.ts';
import type { RecordKey } from '../../../sw/protocol/record.ts';
import type { Effect } from '../reference/ledger.ts';

/** The tables whose effects are written down, with the name of their key. */
const watched: Readonly<Record<string, string>> = { visits: 'id', lines: 'id', tasks: 'id', preferences: 'name' };

const rowFunction = `
create or replace function note_effect() returns trigger language plpgsql as $$
begin
  insert into noted_effects (table_name, owner, before, after)
  values (tg_table_name, coalesce(new._owner, old._owner), old._text, new._text);
  return null;
end $$`;

/**
 * From here on the database itself writes down what is done to each record, whoever does it and whatever the server's own
 * ledger says.
 */
export async function noteEffects(database: Database, others: Readonly<Record<string, string>> = {}): Promise<void> {
  await database.query(
    'create table if not exists noted_effects (id bigserial primary key, table_name text not null, owner text not null, before text, after text)',
  );
  await database.query(rowFunction);
  for (const table of Object.keys({ ...watched, ...others })) {
    await database.query(
      `create or replace trigger ${table}_noted after insert or update or delete on ${table} for each row execute function note_effect()`,
    );
  }
}

function recordIn(text: unknown): ReturnType<typeof parseRecord> | null {
  return typeof text === 'string' ? parseRecord(text) : null;
}

export async function forgetEffects(database: Database): Promise<void> {
  await database.query('delete from noted_effects');
}

/** What was done since they were forgotten, in order. */
export async function effectsOf(database: Database): Promise<readonly Effect[]> {
  const rows = await database.query('select * from noted_effects order by id');
  return rows.map((row): Effect => {
    const table = textOf(row, 'table_name');
    const [before, after] = [recordIn(row['before']), recordIn(row['after'])];
    const key = (after ?? before)?.[watched[table] ?? 'id'];
    if (typeof key !== 'string' && typeof key !== 'number') throw new Error(`An effect on ${table} has no key.`);
    const type = before === null ? 'create' : after === null ? 'delete' : 'update';
    const known: RecordKey = key;
    return {
      mutationId: `effect ${String(row['id'])}`,
      user: textOf(row, 'owner'),
      device: '',
      type,
      table,
      key: known,
      before,
      after,
    };
  });
}
