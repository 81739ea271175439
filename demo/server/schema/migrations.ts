import { randomUUID } from 'node:crypto';
import { type Database, integerOf, type Queryable, quoteName } from '../database/database.ts';
import { demoTables } from './demo-tables.ts';
import { Catalog } from './table-definition.ts';
import { countFunction, tableDdl } from './table-ddl.ts';

interface Migration {
  readonly version: number;
  readonly description: string;
  readonly run: (tx: Queryable) => Promise<void>;
}

/** One statement at a time: the extended protocol takes no more, and both databases speak it. */
async function runAll(tx: Queryable, script: string): Promise<void> {
  for (const statement of script.split(/;\s*(?:\n|$)/)) {
    if (statement.trim() !== '') await tx.query(statement);
  }
}

const synchronization = `
create sequence sync_version;
create table sync_meta (name text primary key, value text not null);
create table sync_users (
  name text collate "C" primary key,
  token text not null unique,
  access_epoch integer not null default 1
);
create table sync_ledger (
  user_name text collate "C" not null,
  mutation_id text collate "C" not null,
  operation text not null,
  table_name text,
  record_key text,
  outcome text,
  at timestamptz not null default now(),
  primary key (user_name, mutation_id)
);
create index sync_ledger_by_at on sync_ledger (at);
create table sync_tombstones (
  table_name text collate "C" not null,
  record_key text collate "C" not null,
  audience text collate "C" not null,
  _xact xid8 not null,
  at timestamptz not null default now(),
  primary key (table_name, record_key, audience)
);
create index sync_tombstones_by_xact on sync_tombstones (table_name, _xact);
create table sync_counts (
  table_name text collate "C" not null,
  owner text collate "C" not null,
  slot integer not null,
  row_count bigint not null,
  primary key (table_name, owner, slot)
);
create table sync_failures (
  user_name text collate "C" not null,
  id text collate "C" not null,
  failure text not null,
  at timestamptz not null default now(),
  primary key (user_name, id)
);
`;

const contents = `
create table sync_files (
  user_name text collate "C" not null,
  hash text collate "C" not null,
  size bigint not null,
  received bigint not null,
  at timestamptz not null default now(),
  primary key (user_name, hash)
);
create index sync_files_by_hash on sync_files (hash);
create table sync_file_chunks (
  user_name text collate "C" not null,
  hash text collate "C" not null,
  position integer not null,
  digest text not null,
  bytes bytea not null,
  primary key (user_name, hash, position),
  foreign key (user_name, hash) references sync_files (user_name, hash) on delete cascade on update cascade
);
create index photos_by_content on photos ((content::json ->> 'hash'));
`;

const newestByUser = [
  'drop index if exists sync_tombstones_by_xact',
  'create index sync_tombstones_by_audience on sync_tombstones (table_name, audience, _xact)',
  ...demoTables
    .filter(({ access }) => access.type !== 'shared')
    .flatMap(({ name }) => [
      `drop index if exists ${quoteName(`${name}_by__owner`)}`,
      `drop index if exists ${quoteName(`${name}_by__xact`)}`,
      `create index if not exists ${quoteName(`${name}_by__owner__xact`)} on ${quoteName(name)} (_owner, _xact)`,
    ]),
].join(';\n');

/**
 * In order; a database that has run some runs the rest. A published one is never edited. As `tableDdl` makes a table with
 * the columns of today, a later migration adds one with `add column if not exists`.
 */
const migrations: readonly Migration[] = [
  {
    version: 1,
    description: 'what synchronization needs',
    run: async (tx) => {
      await runAll(tx, synchronization);
      await tx.query(countFunction);
      await tx.query(`insert into sync_meta (name, value) values ('epoch', $1), ('tombstone-horizon', '0')`, [
        randomUUID(),
      ]);
    },
  },
  {
    version: 2,
    description: "the demo's tables and users",
    run: async (tx) => {
      const catalog = new Catalog(demoTables);
      for (const table of demoTables) await runAll(tx, tableDdl(table, catalog));
      await tx.query(`insert into sync_users (name, token) values ('ana', 'ana-demo'), ('ben', 'ben-demo')`);
    },
  },
  {
    version: 3,
    description: 'the contents of files',
    run: async (tx) => {
      await runAll(tx, contents);
    },
  },
  {
    version: 4,
    description: 'tasks, whose keys the server makes',
    run: async (tx) => {
      const catalog = new Catalog(demoTables);
      await tx.query('alter table sync_ledger add column if not exists assigned_key text');
      await runAll(tx, tableDdl(catalog.get('tasks'), catalog));
    },
  },
  {
    version: 5,
    description: 'what changed for one user, found without looking at what others changed',
    run: async (tx) => {
      await runAll(tx, newestByUser);
    },
  },
];

/** Two servers that start at once on one database wait for each other here. */
const startLock = 4_173;

/**
 * Brings the database to the newest schema, and makes the catalog's further tables. Each migration is a transaction: one
 * that fails leaves the database at the version before.
 */
export async function migrate(database: Database, catalog: Catalog): Promise<void> {
  await database.query(
    'create table if not exists sync_migrations (version integer primary key, description text not null, at timestamptz not null default now())',
  );
  for (const { version, description, run } of migrations) {
    await database.transaction(async (tx) => {
      await tx.query('select pg_advisory_xact_lock($1)', [startLock]);
      const [row] = await tx.query('select count(*)::int as count from sync_migrations where version = $1', [version]);
      if (integerOf(row, 'count') > 0) return;
      await run(tx);
      await tx.query('insert into sync_migrations (version, description) values ($1, $2)', [version, description]);
    });
  }
  const further = catalog.tables.filter((table) => !demoTables.includes(table));
  if (further.length === 0) return;
  await database.transaction(async (tx) => {
    await tx.query('select pg_advisory_xact_lock($1)', [startLock]);
    for (const table of further) await runAll(tx, tableDdl(table, catalog));
  });
}

/** Makes the database another one than that which it was copied from. */
export async function renewEpoch(database: Database): Promise<void> {
  await database.query(`update sync_meta set value = $1 where name = 'epoch'`, [randomUUID()]);
}
