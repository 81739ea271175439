import pg from 'pg';
import type { Database, Queryable, SqlRow } from './database.ts';

const connections = 10;
const relistenDelayMs = 1_000;

function asQueryable(source: pg.Pool | pg.ClientBase): Queryable {
  return {
    query: async (sql, parameters) => (await source.query<SqlRow>(sql, parameters && [...parameters])).rows,
  };
}

/** Opens a pool of connections to a PostgreSQL server, version 13 or later. */
export function openPostgres(url: string): Database {
  const pool = new pg.Pool({ connectionString: url, max: connections });
  // An idle connection that breaks is replaced by the pool at its next use; unheard, its error would end the process.
  pool.on('error', () => undefined);
  const listeners = new Set<pg.Client>();
  let closing: Promise<void> | undefined;

  async function listen(channel: string, hear: (payload: string) => void): Promise<void> {
    const client = new pg.Client({ connectionString: url });
    listeners.add(client);
    let replaced = false;
    const replace = (): void => {
      listeners.delete(client);
      if (replaced || closing !== undefined) return;
      replaced = true;
      const again = (): void => {
        if (closing !== undefined) return;
        listen(channel, hear).then(
          () => {
            hear('');
          },
          () => setTimeout(again, relistenDelayMs).unref(),
        );
      };
      setTimeout(again, relistenDelayMs).unref();
    };
    client.on('notification', (message) => {
      hear(message.payload ?? '');
    });
    try {
      await client.connect();
      await client.query(`listen ${client.escapeIdentifier(channel)}`);
    } catch (error) {
      listeners.delete(client);
      client.on('error', () => undefined);
      await client.end().catch(() => undefined);
      throw error;
    }
    client.on('error', replace);
    client.on('end', replace);
  }

  return {
    kind: 'postgresql',
    ...asQueryable(pool),
    async transaction(body, options = {}) {
      const client = await pool.connect();
      let broken: Error | undefined;
      try {
        await client.query(options.snapshot === true ? 'begin isolation level repeatable read, read only' : 'begin');
        const result = await body(asQueryable(client));
        await client.query('commit');
        return result;
      } catch (error) {
        await client.query('rollback').catch((failure: unknown) => {
          broken = failure instanceof Error ? failure : new Error(String(failure));
        });
        throw error;
      } finally {
        client.release(broken);
      }
    },
    listen,
    close: () =>
      (closing ??= (async () => {
        await Promise.all([...listeners].map((client) => client.end()));
        await pool.end();
      })()),
  };
}
