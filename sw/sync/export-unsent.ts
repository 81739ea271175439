import { keyOfChange } from '../store/changes.ts';
import type { ChangeRow, CommandRow, FailureRow } from '../store/format.ts';
import { everything, readInParts } from '../store/in-parts.ts';
import { getMeta, setMeta } from '../store/meta.ts';
import { readMarks } from '../store/marks.ts';
import type { Session } from './session.ts';
import { unknownChange, unknownCommand, type Sent, type Unknown } from './unknown-outcomes.ts';
import { fileFormat, fileVersion, type UnsentFile } from './unsent-file.ts';

/** The app's name, as the names of its databases have it. */
export function appOf({ database, user }: Session): string {
  return database.name.slice('holdfast:'.length, -(user.length + 1));
}

/**
 * All of the user's work that is on this device only, as the text of a file: changes, what is on its way included, commands, drafts,
 * held changes, and failures with their content. Of files it has the references; the contents stay here.
 */
export async function exportUnsent(session: Session): Promise<string> {
  const { database, base, schema, environment, user } = session;
  const file = await database.write(
    ['changes', 'commands', 'drafts', 'failures', 'heads', 'marks', 'meta', 'batches'],
    async (tx): Promise<UnsentFile> => {
      const [changes, commands, drafts, failures, known, batches] = await Promise.all([
        readInParts(tx.objectStore('changes'), everything(), keyOfChange),
        readInParts(tx.objectStore('commands'), everything(), (row) => row.seq),
        readInParts(tx.objectStore('drafts'), everything(), (row) => [row.table, row.key]),
        readInParts(tx.objectStore('failures'), everything(), (row) => row.id),
        getMeta(tx, 'device'),
        session.backend.idempotent ? [] : tx.objectStore('batches').getAll(),
      ]);
      const device = known ?? '';
      const begun = new Map(batches.flatMap(({ attempted = [], run }) => attempted.map((id) => [id, run] as const)));
      const parked: FailureRow[] = [];
      const park = <Row extends ChangeRow | CommandRow>(
        rows: readonly Row[],
        unknownOf: (session: Session, row: Row, sent: Sent) => Unknown<Row> | null,
      ): Row[] =>
        rows.map((row) => {
          const run = begun.get(row.mutationId);
          const unknown = run === undefined ? null : unknownOf(session, row, { device, run });
          if (unknown !== null) parked.push(unknown.failure);
          return unknown?.row ?? row;
        });
      // Another device must not send by itself what may have arrived from this one (SPEC N-8).
      const work = { changes: park(changes, unknownChange), commands: park(commands, unknownCommand), drafts };
      // A later edit is a row of its own, as over what is imported.
      const last = (await getMeta(tx, 'seq')) ?? 0;
      await setMeta(tx, 'sealedThrough', last);
      await setMeta(tx, 'exportedThrough', last);
      const held = await Promise.all(
        [...schema.tables.keys()].map(async (table) => {
          const keys = await readMarks(tx, base, await base.readHead(tx, table), 'hold');
          return [table, keys] as const;
        }),
      );
      return {
        ...{ format: fileFormat, version: fileVersion, app: appOf(session), schema: schema.version, user },
        ...{ device, exportedAt: environment.now(), ...work, failures: [...failures, ...parked] },
        held: Object.fromEntries(held.filter(([, keys]) => keys.length > 0)),
      };
    },
  );
  return JSON.stringify(file);
}
