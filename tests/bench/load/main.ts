import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { round } from '../harness/statistics.ts';
import { type LoadFigures, underLoad } from './measure.ts';
import { download, type LoadClient, uploadVisits, whole } from './requests.ts';
import { type DatabaseKind, ServerUnderLoad } from './server-under-load.ts';

const help = `npm run bench:server -- [options]

  --databases a,b   pglite, postgresql (both)
  --clients 1,10    how many at once (1,10,100)
  --rows N,N        how many places the table has, in growing order (10000,1000000,10000000, the last not in PGlite)
  --seconds N       how long each is measured (5)
  --json FILE       also writes the figures there
  --report          writes the tables into docs/deployment.md`;

const batchSize = 100;
const changedRows = 100;
/** Its tables are in the server's memory here. */
const mostRowsInPglite = 1_000_000;
const document = path.join(import.meta.dirname, '../../../docs/deployment.md');
const tables = ['places', 'products', 'visits', 'lines', 'photos', 'tasks'];

interface Row {
  readonly database: DatabaseKind;
  readonly what: 'upload' | 'delta' | 'unchanged' | 'full';
  readonly rows: number;
  readonly clients: number;
  readonly figures: LoadFigures;
  readonly bytesEach: number;
  readonly peakBytes: number;
}

interface Settings {
  readonly clients: readonly number[];
  readonly rows: readonly number[];
  readonly forMs: number;
  readonly log: (row: Row) => void;
}

async function measureDatabase(kind: DatabaseKind, settings: Settings): Promise<Row[]> {
  const results: Row[] = [];
  const server = await ServerUnderLoad.start(kind);
  const client = (number: number): LoadClient => ({ url: server.url, user: number + 1 });
  const measure = async (
    what: Row['what'],
    { rows, clients }: Pick<Row, 'rows' | 'clients'>,
    ask: (client: LoadClient) => Promise<number>,
  ): Promise<void> => {
    await ask(client(0));
    await server.ask({ type: 'memory' });
    let bytes = 0;
    let asked = 0;
    const figures = await underLoad(clients, settings.forMs, async (number) => {
      bytes += await ask(client(number));
      asked += 1;
    });
    const { peakBytes = 0 } = await server.ask({ type: 'memory' });
    const row = { database: kind, what, rows, clients, figures, bytesEach: bytes / asked, peakBytes };
    results.push(row);
    settings.log(row);
  };
  try {
    await server.ask({ type: 'users', count: Math.max(...settings.clients) });
    for (const clients of settings.clients) {
      await measure('upload', { rows: 0, clients }, async (one) => {
        await uploadVisits(one, batchSize);
        return 0;
      });
    }
    const sizes = settings.rows.filter((rows) => kind !== 'pglite' || rows <= mostRowsInPglite);
    for (const rows of sizes) {
      await server.ask({ type: 'rows', count: rows });
      const first = client(0);
      const { cursors: before } = await download(
        first,
        tables.map((table) => whole(table)),
      );
      for (const clients of settings.clients) {
        const asked = tables.map((table) => whole(table, before.get(table)));
        await measure('unchanged', { rows, clients }, async () => (await download(first, asked)).bytes);
      }
      await server.ask({ type: 'touch', count: changedRows, rows });
      for (const clients of settings.clients) {
        const asked = [whole('places', before.get('places'))];
        await measure('delta', { rows, clients }, async () => (await download(first, asked)).bytes);
      }
      await measure('full', { rows, clients: 1 }, async () => (await download(first, [whole('places')])).bytes);
    }
  } finally {
    await server.stop();
  }
  return results;
}

const says: Readonly<Record<Row['what'], string>> = {
  upload: `uploads of ${batchSize} new visits, each client a user of its own`,
  unchanged: `downloads of ${tables.length} tables in which nothing changed`,
  delta: `downloads of ${changedRows} changed rows of one table`,
  full: 'downloads of the whole table',
};
const names: Readonly<Record<DatabaseKind, string>> = { pglite: 'PGlite', postgresql: 'PostgreSQL' };

function megabytes(bytes: number): string {
  return `${round(bytes / 1e6)} MB`;
}

function cells({ database, what, rows, clients, figures, bytesEach, peakBytes }: Row): readonly string[] {
  const { perSecond, p50Ms, p95Ms } = figures;
  const rate = what === 'upload' ? `${round(perSecond * batchSize)} changes/s` : `${round(perSecond)} answers/s`;
  const volume = what === 'full' ? `${rate}, ${megabytes(bytesEach * perSecond)}/s` : rate;
  return [
    names[database],
    ...(what === 'upload' ? [] : [rows.toLocaleString('en')]),
    String(clients),
    volume,
    `${round(p50Ms)} ms`,
    `${round(p95Ms)} ms`,
    megabytes(peakBytes),
  ];
}

function tableOf(what: Row['what'], rows: readonly Row[]): string {
  const heads = ['database', ...(what === 'upload' ? [] : ['rows']), 'clients', 'throughput', 'p50', 'p95', 'memory'];
  const line = (parts: readonly string[]): string => `| ${parts.join(' | ')} |`;
  const body = rows.filter((row) => row.what === what).map((row) => line(cells(row)));
  const title = `${says[what].charAt(0).toUpperCase()}${says[what].slice(1)}:`;
  return [title, '', line(heads), line(heads.map(() => '---')), ...body].join('\n');
}

function writeTables(rows: readonly Row[]): void {
  const cpus = os.cpus();
  const where = `Measured on ${cpus.length} × ${cpus[0]?.model.trim() ?? 'a processor'}, which server, database and clients share, with Node.js ${process.versions.node}, on ${new Date().toISOString().slice(0, 10)}. Memory is the most that the server's process held; PostgreSQL's own is not in it.`;
  const order: readonly Row['what'][] = ['upload', 'unchanged', 'delta', 'full'];
  const figures = [where, ...order.map((what) => tableOf(what, rows))].join('\n\n');
  const text = readFileSync(document, 'utf8');
  const marked = /(?<=<!-- figures -->\n)[^]*(?=<!-- end of figures -->)/;
  if (!marked.test(text)) throw new Error(`${document} has no place for the figures.`);
  writeFileSync(
    document,
    text.replace(marked, () => `\n${figures}\n\n`),
  );
}

function numbers(text: string): readonly number[] {
  const list = text.split(',').map(Number);
  if (list.some((number) => !Number.isInteger(number) || number < 1)) throw new Error(`${text} is no list of numbers.`);
  return list;
}

function kinds(text: string): readonly DatabaseKind[] {
  return text.split(',').map((name) => {
    if (name === 'pglite' || name === 'postgresql') return name;
    throw new Error(`--databases are pglite and postgresql, not ${name}.`);
  });
}

export async function main(parameters: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      databases: { type: 'string', default: 'pglite,postgresql' },
      clients: { type: 'string', default: '1,10,100' },
      rows: { type: 'string', default: '10000,1000000,10000000' },
      seconds: { type: 'string', default: '5' },
      json: { type: 'string' },
      report: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return;
  }
  const results: Row[] = [];
  for (const kind of kinds(values.databases)) {
    const measured = await measureDatabase(kind, {
      clients: numbers(values.clients),
      rows: numbers(values.rows),
      forMs: Number(values.seconds) * 1000,
      log: (row) => {
        console.log(`${row.what}: ${cells(row).join(', ')}`);
      },
    });
    results.push(...measured);
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
  }
  if (values.report) writeTables(results);
}
