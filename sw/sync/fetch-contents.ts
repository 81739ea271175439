import { QuotaError } from '../protocol/errors.ts';
import type { FileReference } from '../protocol/file.ts';
import type { RecordKey } from '../protocol/record.ts';
import { isWhole } from '../store/contents.ts';
import { fileIn } from '../store/file-field.ts';
import { getMeta, setMeta } from '../store/meta.ts';
import { scanBase } from '../store/scan.ts';
import type { Table } from '../store/schema.ts';
import { downloadedTables } from './download.ts';
import { dropPartial, fetchContent } from './fetch-content.ts';
import { report } from './progress.ts';
import type { ActiveRun, Session } from './session.ts';
import { isSliceOver, tryTwice } from './transfer-fault.ts';

/** How many missing contents are looked up at once: their names alone are in memory. */
const contentsInRound = 5000;
const warningsBound = 100;
const lackingBound = 1000;

export type FetchStep = 'more' | 'done';

interface MissingContent {
  readonly key: RecordKey;
  readonly file: FileReference;
}

/** The contents that a table's records name and that are not here. */
async function findMissing(
  { database, base }: Session,
  table: Table,
  lacking: ReadonlySet<string>,
): Promise<{ readonly missing: readonly MissingContent[]; readonly generation: number; readonly whole: boolean }> {
  const held = await database.read(['contents'], async (tx) => {
    const rows = await tx.objectStore('contents').getAll();
    return new Set(rows.filter(isWhole).map(({ hash }) => hash));
  });
  const missing = new Map<string, MissingContent>();
  let whole = true;
  const generation = await scanBase(database, base, table.name, (key, text) => {
    const file = fileIn(table, text);
    if (file === null || held.has(file.hash) || lacking.has(file.hash)) return;
    if (missing.size < contentsInRound) missing.set(file.hash, { key, file });
    else whole = false;
  });
  return { missing: [...missing.values()], generation, whole };
}

async function fetchedGeneration({ database, base }: Session, table: Table): Promise<boolean> {
  return database.read(['meta', 'heads'], async (tx) => {
    const [fetched, head] = await Promise.all([getMeta(tx, 'contentsFetched'), base.readHead(tx, table.name)]);
    return fetched?.[table.name] === head.generation;
  });
}

/** Stores what was found out about a content. False: the run was cancelled, by this worker or another. */
async function noteOutcome(
  active: ActiveRun,
  note: { readonly warning: string; readonly hash: string } | null,
): Promise<boolean> {
  const { warnings, lackingContents = [] } = active.journal;
  const { goesOn, journal } = await active.session.database.write(['runs', 'meta'], async (tx) => {
    const next = {
      ...active.journal,
      ...(note === null || warnings.length >= warningsBound ? {} : { warnings: [...warnings, note.warning] }),
      ...(note === null || lackingContents.length >= lackingBound
        ? {}
        : { lackingContents: [...lackingContents, note.hash] }),
    };
    await tx.objectStore('runs').put(next);
    return { journal: next, goesOn: (await getMeta(tx, 'cancelRun')) !== next.run };
  });
  active.journal = journal;
  return goesOn;
}

/** Fetches one content; the text of a warning if it cannot be had, which is no fault of the run. */
async function fetchOne(active: ActiveRun, table: Table, { key, file }: MissingContent): Promise<string | null> {
  const name = `${table.name} ${String(key)}`;
  const found = { lacking: false };
  const tell = (bytes: number): void => {
    active.journal = { ...active.journal, bytesReceived: active.journal.bytesReceived + bytes };
  };
  try {
    const wanted = { table: table.name, key, hash: file.hash, size: file.size, type: file.type };
    const error = await tryTwice(active, async () => {
      found.lacking = (await fetchContent(active, wanted, tell)) === 'missing';
    });
    if (error !== null) return `The file of ${name} could not be fetched: ${error.message}`;
  } catch (error) {
    if (!(error instanceof QuotaError)) throw error;
    await dropPartial(active.session.database, file.hash);
    throw error;
  }
  return found.lacking ? `The server does not have the file of ${name}. The record stays without it.` : null;
}

/** One table; `more` if the slice is over before its end. */
async function fetchTable(active: ActiveRun, table: Table): Promise<FetchStep> {
  const { session } = active;
  if (await fetchedGeneration(session, table)) return 'done';
  for (;;) {
    const lacking = new Set(active.journal.lackingContents);
    const { missing, generation, whole } = await findMissing(session, table, lacking);
    let done = 0;
    for (const content of missing) {
      if (isSliceOver(active)) return 'more';
      report(active, { phase: 'contents', table: table.name, done, total: whole ? missing.length : null });
      const warning = await fetchOne(active, table, content);
      if (!(await noteOutcome(active, warning === null ? null : { warning, hash: content.file.hash }))) return 'more';
      done += 1;
    }
    report(active, { phase: 'contents', table: table.name, done, total: whole ? done : null });
    if (!whole && (active.journal.lackingContents?.length ?? 0) < lackingBound) continue;
    if (!whole || (active.journal.lackingContents?.length ?? 0) > 0) return 'done';
    await session.database.write(['meta'], async (tx) => {
      await setMeta(tx, 'contentsFetched', { ...(await getMeta(tx, 'contentsFetched')), [table.name]: generation });
    });
    return 'done';
  }
}

/**
 * Fetches the contents that the downloaded records name and that are not here, one after the other. Records do not wait for
 * them: they are in place already. Killed anywhere, the next slice goes on behind the last chunk that was stored.
 */
export async function fetchStep(active: ActiveRun): Promise<FetchStep> {
  try {
    for (const table of downloadedTables(active.session)) {
      if (table.file !== null && (await fetchTable(active, table)) === 'more') return 'more';
    }
  } catch (error) {
    if (!(error instanceof QuotaError)) throw error;
    const warning = 'There is no space for more files on this device. The records are here; free space for the files.';
    await noteOutcome(active, { warning, hash: '' });
  }
  return 'done';
}
