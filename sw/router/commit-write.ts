import { SyncError } from '../protocol/errors.ts';
import type { StoredContent } from '../store/contents.ts';
import { deleteRulesOf } from '../store/delete-rules.ts';
import type { ChangeBase } from '../store/format.ts';
import { requestRowKey } from '../store/requests.ts';
import type { Table } from '../store/schema.ts';
import { writeRecord } from '../store/write.ts';
import { fetchBase, isWhole } from '../sync/fetch-base.ts';
import type { OpenSession } from '../sync/sessions.ts';
import { newMutationId } from '../sync/new-mutation-id.ts';
import { statusHeaders } from './answers.ts';
import { changedTables } from './changed-tables.ts';
import { writeDraftOf } from './draft-route.ts';
import { identify } from './identity.ts';
import { answerOfServer, waitSecondsOf } from './prefer-wait.ts';
import type { Prepared } from './prepare-write.ts';

export interface WriteContext {
  readonly session: OpenSession;
  readonly client: string;
}

export interface WriteAnswer {
  readonly response: Response;
  /** The request's row, to be removed when the answer was handed over; null: there is none, or it is to be kept. */
  readonly requestRow: string | null;
  readonly stored: boolean;
}

function statusFor(method: string, created: boolean): number {
  if (method === 'DELETE') return 204;
  return created ? 201 : 200;
}

function answer(status: number, text: string | null, location: string | null, dropped: boolean): Response {
  const headers = {
    ...statusHeaders(dropped ? 'clean' : 'pending'),
    ...(location === null ? {} : { Location: location }),
  };
  if (status === 204 || text === null) return new Response(null, { status, headers });
  return new Response(text, { status, headers: { ...headers, 'Content-Type': 'application/json' } });
}

export interface NamedWrite extends Prepared {
  /** As `RecordWrite.aliases`. */
  readonly aliases?: number;
}

export interface WriteSource {
  readonly request: Request;
  /** What tells the request from others: its body, or the body's hash. */
  readonly body: string;
  readonly file?: StoredContent;
  /** For when a record that the write names got another key before it was stored. */
  readonly prepareAgain?: () => Promise<NamedWrite>;
}

/** Stores a prepared write, and answers it once it is on disk. */
export async function commitWrite(
  context: WriteContext,
  table: Table,
  given: NamedWrite,
  { request, body, file, prepareAgain }: WriteSource,
): Promise<WriteAnswer> {
  const { session } = context;
  const identity = identify(request, body, { client: context.client, environment: session.environment });
  const seconds = waitSecondsOf(request);
  let prepared = given;
  let fetched: ChangeBase | null | undefined = isWhole(table) ? null : undefined;
  for (;;) {
    const location = `${table.path}/${encodeURIComponent(String(prepared.key))}`;
    if (request.headers.get('Sync-Draft') === 'true') {
      return writeDraftOf(session, table, {
        ...prepared,
        location,
        request: identity,
        mutationId: newMutationId(session),
        ...(file === undefined ? {} : { file }),
      });
    }
    const { key, operation } = prepared;
    const place = { table: table.name, key };
    const rules =
      operation === 'delete'
        ? deleteRulesOf(session, table, { key, newMutationId: () => newMutationId(session) })
        : null;
    const result = await writeRecord(
      session.database,
      session.base,
      {
        table: table.name,
        hasServerKeys: table.serverKeys,
        ...prepared,
        ...(fetched === undefined ? {} : { fetched }),
        ...(file === undefined ? {} : { file }),
        ...(rules === null ? {} : { also: (attempt: number) => rules.prepare(attempt) }),
        mutationId: newMutationId(session),
        asked: identity.explicit || seconds > 0,
        schema: session.schema.version,
        request: identity,
        answer: ({ created, text }) => {
          const status = statusFor(request.method, created);
          return { status, body: text, location: created ? location : null };
        },
      },
      session.environment.now(),
    );
    switch (result.type) {
      case 'stored': {
        const status = statusFor(request.method, result.created);
        session.announce({
          type: 'changed',
          source: 'local',
          tables: operation === 'delete' ? changedTables(rules?.changed ?? [], [place]) : changedTables([place], []),
        });
        const usual = answer(status, result.text, result.created ? location : null, result.dropped);
        const settled = await answerOfServer(session, { table, key, status }, { seq: result.seq, seconds });
        const response = settled ?? usual;
        return { response, requestRow: identity.explicit ? null : requestRowKey(identity), stored: true };
      }
      case 'repeated': {
        const { status, body: text, location: at, fingerprint, explicit, seqs } = result.row;
        const seq = seqs === undefined || seqs[1] < seqs[0] ? null : seqs[0];
        const settled = await answerOfServer(session, { table, key: result.row.key, status }, { seq, seconds });
        const response = settled ?? answer(status, text, at, false);
        return { response, requestRow: explicit ? null : fingerprint, stored: true };
      }
      case 'refused':
        throw new SyncError(
          result.code,
          result.code === 'exists'
            ? `There is a record ${String(prepared.key)} in ${table.name} already. Nothing was stored; use PUT to replace it.`
            : `There is no record ${String(prepared.key)} in ${table.name}. Nothing was stored.`,
        );
      case 'request-changed':
        throw new SyncError(
          'request-changed',
          'This Idempotency-Key was used for another request. Nothing was stored; take a new key.',
        );
      case 'renamed':
        if (prepareAgain !== undefined) prepared = await prepareAgain();
        break;
      case 'unknown-base':
        // A create under a key of the app's own need not wait: the server says if the key is taken.
        fetched = prepared.operation === 'create' ? null : await fetchBase(session, table, prepared.key);
    }
  }
}
