import { SyncError } from '../protocol/errors.ts';
import { keyOf, isDownloaded, type Table } from '../store/schema.ts';
import { toFilterTree } from '../filter/index.ts';
import { completeTo, createStaging, goOnStaging, openStaging, readStagedRoot, type Staging } from '../store/staging.ts';
import type { ParsedRecord } from '../store/leaf-builder.ts';
import type { HeadRow } from '../store/base-rows.ts';
import type { StagedRow } from '../store/run-rows.ts';
import { type DownloadPiece, type DownloadRequestTable, wireScope } from '../backend/backend.ts';
import { cursorGround } from '../store/cursor-ground.ts';
import type { WireScope } from '../protocol/wire.ts';
import { keepLocalColumns, localColumns } from './local-columns.ts';
import { report } from './progress.ts';
import { callFor, type ActiveRun, type Session } from './session.ts';
import { SliceOverError } from './transfer-fault.ts';

export function scopeOf(table: Table): WireScope {
  const { scope } = table;
  if (typeof scope !== 'object') return wireScope(null, {});
  return wireScope(toFilterTree(scope.filter, { types: table.columnTypes, table: table.name }), scope.params ?? {});
}

export function groundOf(session: Session, table: Table): string {
  return cursorGround(session.user, session.schema.version, scopeOf(table));
}

export function downloadedTables(session: Session): Table[] {
  return [...session.schema.tables.values()].filter(isDownloaded);
}

type TablePiece = Extract<DownloadPiece, { type: 'table' }>;

interface TableStart {
  readonly table: Table;
  readonly head: HeadRow;
  readonly staged: StagedRow | undefined;
}

async function readStarts(session: Session): Promise<TableStart[]> {
  const tables = downloadedTables(session);
  return session.database.read(['heads', 'runs'], (tx) =>
    Promise.all(
      tables.map(async (table) => {
        const [head, row] = await Promise.all([
          session.base.readHead(tx, table.name),
          tx.objectStore('runs').get(`staged:${table.name}`),
        ]);
        // What was staged for another scope is begun anew; so is what lacks a local column that was acknowledged since, which no
        // server sends.
        const isStanding =
          row !== undefined &&
          'generation' in row &&
          row.ground === groundOf(session, table) &&
          (row.headGeneration === head.generation || localColumns(table).length === 0);
        return { table, head, staged: isStanding ? row : undefined };
      }),
    ),
  );
}

function requestFor(active: ActiveRun, { table, head, staged }: TableStart): DownloadRequestTable {
  const { session, journal } = active;
  const scope = scopeOf(table);
  const complete = staged === undefined ? null : completeTo(staged);
  if (complete !== null) return { table: table.name, scope, cursor: complete, resume: null };
  const cursor = !journal.full && head.cursorFor === groundOf(session, table) ? head.cursor : null;
  const resume =
    staged?.full === true && staged.lastKey !== null ? { snapshot: staged.snapshot, after: staged.lastKey } : null;
  return { table: table.name, scope, cursor, resume };
}

function parsed(table: Table, piece: Extract<DownloadPiece, { type: 'records' }>): ParsedRecord[] {
  return piece.records.map((fields, index) => {
    const key = Object.hasOwn(fields, table.key) ? keyOf(table, fields[table.key]) : null;
    if (key === null) {
      throw new SyncError(
        'not-our-server',
        `The download has a record of ${table.name} without a ${table.keyType} in its key field ${table.key}. Nothing of it was put in place.`,
        { retryable: true, details: { table: table.name } },
      );
    }
    return { key, version: piece.versions[index] ?? '', text: piece.texts[index] ?? '', fields };
  });
}

/** Whether what comes belongs behind what is staged: the rest of it, or what came since it was complete. */
function goesOnWith(staged: StagedRow | undefined, piece: TablePiece): staged is StagedRow {
  if (staged?.full !== true) return false;
  return completeTo(staged) === null ? piece.full && staged.snapshot === piece.snapshot : !piece.full;
}

/** Whether this run has a table already, so that nothing is to be asked of it any more. */
function isStaged({ staged }: TableStart): boolean {
  if (staged === undefined) return false;
  return staged.refused || (staged.end !== null && completeTo(staged) === null);
}

class Receiver {
  readonly #active: ActiveRun;
  readonly #starts: ReadonlyMap<string, TableStart>;
  #staging: Staging | null = null;
  #done: number;
  #total: number | null = 0;
  /** Tables of which the server has not said yet that they are complete, or refused. */
  readonly #open: Set<string>;
  finished = false;

  constructor(active: ActiveRun, starts: readonly TableStart[]) {
    this.#active = active;
    this.#starts = new Map(starts.map((start) => [start.table.name, start]));
    this.#open = new Set(this.#starts.keys());
    this.#done = starts.reduce((sum, start) => sum + (start.staged?.downloaded ?? 0), 0);
  }

  #start(name: string): TableStart {
    const start = this.#starts.get(name);
    if (start === undefined) {
      throw new SyncError('not-our-server', `The download has the table ${name}, which was not asked for.`, {
        retryable: true,
      });
    }
    return start;
  }

  async #begin(piece: TablePiece): Promise<void> {
    const { session } = this.#active;
    const { table, head, staged } = this.#start(piece.table);
    const row = goesOnWith(staged, piece)
      ? goOnStaging(head, staged)
      : await openStaging(session.database, head, {
          full: piece.full,
          snapshot: piece.snapshot,
          ground: groundOf(session, table),
        });
    this.#staging = createStaging({
      database: session.database,
      table,
      row,
      root: await readStagedRoot(session.database, row),
      journal: () => this.#active.journal,
      isAsked: () => session.traffic.isOn(),
    });
    if (piece.total === null) this.#total = null;
    else if (this.#total !== null) this.#total += piece.total;
    this.#tell(piece.table);
  }

  #tell(table: string): void {
    const total = this.#total === null || this.#total < this.#done ? null : this.#total;
    report(this.#active, { phase: 'download', table, done: this.#done, total });
  }

  settled(): Promise<void> | undefined {
    return this.#staging?.settled();
  }

  #current(table: string): Staging {
    if (this.#staging?.row.table !== table) {
      throw new SyncError('not-our-server', 'The download’s pieces are out of order.', { retryable: true });
    }
    return this.#staging;
  }

  async take(piece: DownloadPiece): Promise<void> {
    const { session } = this.#active;
    switch (piece.type) {
      case 'start':
        return;
      case 'table':
        return this.#begin(piece);
      case 'records': {
        if (session.traffic.isOn()) await session.traffic.pass();
        const staging = this.#current(piece.table);
        const { table } = this.#start(piece.table);
        const records = await keepLocalColumns(session, table, parsed(table, piece));
        const { journal } = this.#active;
        this.#active.journal = { ...journal, bytesReceived: journal.bytesReceived + piece.bytes };
        this.#done += records.length;
        if (staging.takesAll && !piece.delta) await staging.addRecords(records);
        else await staging.addChanges(records, []);
        this.#tell(piece.table);
        return;
      }
      case 'removals':
        return this.#current(piece.table).addChanges([], piece.keys);
      case 'end': {
        const { table } = this.#start(piece.table);
        const end = { cursor: piece.cursor, count: piece.count, cursorFor: groundOf(session, table) };
        await this.#current(piece.table).end(end);
        this.#open.delete(piece.table);
        return;
      }
      case 'refused': {
        const { head, table } = this.#start(piece.table);
        const row = await openStaging(session.database, head, {
          full: true,
          snapshot: '',
          ground: groundOf(session, table),
        });
        const journal = { ...this.#active.journal, warnings: [...this.#active.journal.warnings, piece.message] };
        await session.database.write(['runs'], async (tx) => {
          await tx.objectStore('runs').put({ ...row, refused: true });
          await tx.objectStore('runs').put(journal);
        });
        this.#active.journal = journal;
        this.#open.delete(piece.table);
        return;
      }
      case 'finish':
        // D-05: a table that was left out is not an empty one.
        this.finished = this.#open.size === 0;
    }
  }
}

/**
 * The download phase: every table that has one, into pieces beside what is there. When it settles, all are staged to their
 * end mark, and nothing of it shows yet.
 */
export async function downloadAll(active: ActiveRun): Promise<void> {
  const { session } = active;
  const starts = await readStarts(session);
  const open = starts.filter((start) => !isStaged(start));
  if (open.length === 0) return;
  const receiver = new Receiver(active, open);
  const call = await callFor(session, active.signal);
  try {
    for await (const piece of session.backend.download(
      open.map((start) => requestFor(active, start)),
      call,
    )) {
      active.signal.throwIfAborted();
      if (session.environment.isReplaced()) throw new SliceOverError();
      await receiver.take(piece);
    }
  } finally {
    // A piece stored after the run's end would bring its journal row back.
    await receiver.settled();
  }
  if (!receiver.finished)
    throw new SyncError('network', 'The download ended before all tables that were asked for.', { retryable: true });
}
