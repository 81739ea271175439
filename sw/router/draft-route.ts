import { SyncError } from '../protocol/errors.ts';
import type { MutationId, RecordKey } from '../protocol/record.ts';
import type { WriteOperation } from '../store/coalesce.ts';
import type { StoredContent } from '../store/contents.ts';
import { compareListed, createMatcher, type ListQuery } from '../store/list-matcher.ts';
import { requestRowKey, type RequestIdentity } from '../store/requests.ts';
import type { Table } from '../store/schema.ts';
import { discardDraft, readDrafts, writeDraft } from '../sync/drafts.ts';
import type { Session } from '../sync/session.ts';
import { tellWritten } from '../sync/state.ts';
import { statusHeaders } from './answers.ts';
import type { WriteAnswer } from './commit-write.ts';

interface DraftRequest {
  readonly key: RecordKey;
  readonly operation: WriteOperation;
  readonly content: (view: string | null) => string;
  readonly location: string;
  readonly request: RequestIdentity;
  readonly mutationId: MutationId;
  readonly file?: StoredContent;
}

/** A draft as an answer. */
export function answerDraft(text: string, status = 200, location: string | null = null): Response {
  const headers = {
    'Content-Type': 'application/json',
    ...statusHeaders('draft'),
    ...(location === null ? {} : { Location: location }),
  };
  return new Response(text, { status, headers });
}

/** A write with `Sync-Draft: true`: kept as a draft; a `DELETE` gives the draft up. No run follows it. */
export async function writeDraftOf(session: Session, table: Table, draft: DraftRequest): Promise<WriteAnswer> {
  const { key, operation, content, location, request, mutationId, file } = draft;
  const requestRow = request.explicit ? null : requestRowKey(request);
  if (operation === 'delete') {
    if (!(await discardDraft(session, table, key)))
      throw new SyncError('not-found', `There is no draft of ${String(key)} in ${table.name}.`);
    await tellWritten(session, table, key);
    return {
      response: new Response(null, { status: 204, headers: statusHeaders('clean') }),
      requestRow: null,
      stored: false,
    };
  }
  const named = file === undefined ? {} : { file };
  const result = await writeDraft(session, { table, key, operation, content, request, mutationId, ...named });
  switch (result.type) {
    case 'stored': {
      await tellWritten(session, table, key);
      const { text, created } = result;
      return { response: answerDraft(text, created ? 201 : 200, created ? location : null), requestRow, stored: false };
    }
    case 'repeated': {
      const { row } = result;
      const at = row.status === 201 ? `${table.path}/${encodeURIComponent(String(row.key))}` : null;
      return { response: answerDraft(row.body ?? '{}', row.status, at), requestRow, stored: false };
    }
    case 'request-changed':
      throw new SyncError(
        'request-changed',
        'This Idempotency-Key was used for another request. Nothing was stored; take a new key.',
      );
  }
}

/** `GET` of a list with `?status=draft`: the drafts alone, each as it would be committed now. */
export async function listDrafts(session: Session, table: Table, query: ListQuery): Promise<Response> {
  const matcher = createMatcher(table, { ...query, status: null });
  const hits = (await readDrafts(session, table)).flatMap(({ key, record }, position) => {
    const text = JSON.stringify(record);
    const order = matcher.matchText(text, 'draft');
    return order === null ? [] : [{ key, text, order, position }];
  });
  hits.sort(compareListed(query.orderBy));
  const page = hits.slice(query.offset, query.limit === null ? undefined : query.offset + query.limit);
  return new Response(`[${page.map(({ text }) => text).join(',')}]`, {
    headers: {
      'Content-Type': 'application/json',
      'X-Total-Count': String(hits.length),
      'Sync-Status': String(hits.length),
      'Sync-Source': 'local',
    },
  });
}
