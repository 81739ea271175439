import type { Json } from '../../../sw/protocol/record.ts';
import type { FailuresRequest } from '../../../sw/protocol/wire.ts';
import { type Queryable, textOf } from '../database/database.ts';
import { parseJson } from '../schema/record-text.ts';

const shownFailures = 100;

/** Failures that are known by their ids are left as they are. */
export async function storeFailures(
  database: Queryable,
  user: string,
  failures: FailuresRequest['failures'],
): Promise<void> {
  await database.query(
    'insert into sync_failures (user_name, id, failure) ' +
      'select $1, r.id, r.failure from unnest($2::text[], $3::text[]) as r(id, failure) on conflict do nothing',
    [user, failures.map(({ id }) => id), failures.map((failure) => JSON.stringify(failure))],
  );
}

/** The user's newest failures, newest first. */
export async function readFailures(database: Queryable, user: string): Promise<Json[]> {
  const rows = await database.query(
    'select failure from sync_failures where user_name = $1 order by at desc, id limit $2',
    [user, shownFailures],
  );
  return rows.map((row) => parseJson(textOf(row, 'failure')));
}
