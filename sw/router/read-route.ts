import { SyncError } from '../protocol/errors.ts';
import type { RecordKey } from '../protocol/record.ts';
import { withCurrentFilter } from '../store/current-filter.ts';
import { isGroundOf } from '../store/cursor-ground.ts';
import type { HeadRow } from '../store/base-rows.ts';
import { scopeOf } from '../sync/download.ts';
import type { ListQuery } from '../store/list-matcher.ts';
import { readList } from '../store/list.ts';
import { readView, type RecordView } from '../store/view.ts';
import { holdsAll, type Table } from '../store/schema.ts';
import type { Session } from '../sync/session.ts';
import { readDraft } from '../sync/drafts.ts';
import { ageHeader, statusHeaders } from './answers.ts';
import { answerDraft, listDrafts } from './draft-route.ts';
import { underCurrentKeys } from './current-address.ts';
import { fromNetwork, listFromNetwork, markNetwork, underKey } from './network.ts';
import { isUnsent } from './online-table.ts';
import { readQuery } from './query.ts';

const marksNamed = 200;

/** Header values are Latin; JSON escapes keep any text within that. */
function headerJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** `GET` of one record. */
export async function readOne(session: Session, table: Table, asked: RecordKey, request: Request): Promise<Response> {
  const view = await readView(session.database, session.base, table.name, asked);
  const { key } = view;
  const draft = request.headers.get('Sync-Draft') === 'true' ? await readDraft(session, table, key) : null;
  if (draft !== null) return answerDraft(JSON.stringify(draft.record));
  // What is unsent of an `online` table is from before it became one (SPEC Q-6).
  if (table.scope === 'online' && view.detail === 'clean')
    return markNetwork(await fromNetwork(session, underKey(request, asked, key), 'online-only'));
  const now = session.environment.now();
  if (view.text !== null) {
    const headers = {
      'Content-Type': 'application/json',
      ...statusHeaders(view.detail),
      ...ageHeader(view.downloadedAt, now),
      ...(key === asked ? {} : { 'Content-Location': `${table.path}/${encodeURIComponent(key)}` }),
    };
    return new Response(view.text, { headers });
  }
  return markNetwork(await missingRecord(session, table, key, { view, request: underKey(request, asked, key) }));
}

/** What a view without a record means: there is none, or the network has to say. */
export async function missingRecord(
  session: Session,
  table: Table,
  key: RecordKey,
  { view, request }: { readonly view: RecordView; readonly request: Request },
): Promise<Response> {
  const holds = holdsAll(table);
  // A record that was deleted here is known to be gone, whatever the table holds.
  const isKnown = view.detail !== 'clean' || holds === 'always' || (holds === 'when-complete' && view.absenceKnown);
  if (isKnown) throw new SyncError('not-found', `There is no record ${String(key)} in ${table.name}.`);
  return fromNetwork(session, request, holds === 'when-complete' ? 'not-downloaded' : 'not-held');
}

/** Whether a list can be answered from here: all that it is about was downloaded, or is only here. */
function isHeldHere(table: Table, { status }: ListQuery, head: HeadRow): boolean {
  const holds = holdsAll(table);
  const isStatusQuery = status !== null && status !== 'synchronized' && status !== 'clean';
  if (isStatusQuery || holds === 'always') return true;
  if (holds === 'never' || table.scope === 'online' || !head.complete) return false;
  return head.whole || (typeof table.scope === 'object' && isGroundOf(head.cursorFor, scopeOf(table)));
}

/** `GET` of a list. */
export async function readMany(session: Session, table: Table, request: Request): Promise<Response> {
  const { database, schema } = session;
  const isOnline = table.scope === 'online';
  if (isOnline && !(await isUnsent(session, table))) {
    const named = await underCurrentKeys(session, table, request, false);
    return markNetwork(await fromNetwork(session, named, 'online-only'));
  }
  const asked = readQuery(table, new URL(request.url).searchParams);
  const query = asked === null ? null : await withCurrentFilter(database, schema, table, asked);
  if (query === null) return listFromNetwork(session, table, { query, request, code: 'offline' });
  if (query.status === 'draft') return listDrafts(session, table, query);
  const holds = holdsAll(table);
  const before = await database.read(['heads'], (tx) => session.base.readHead(tx, table.name));
  const list = isHeldHere(table, query, before) ? await readList(database, session.base, table, query) : null;
  // It may have been cleared before the list was read.
  if (list === null || !isHeldHere(table, query, list.head)) {
    const other = holds === 'never' ? 'not-held' : 'not-downloaded';
    const code = isOnline ? 'online-only' : other;
    return listFromNetwork(session, table, { query, request, code });
  }
  const headers: Record<string, string> = {
    'Content-Type': 'application/json',
    'X-Total-Count': String(list.total),
    'Sync-Status': String(list.notSynchronized),
    'Sync-Source': 'local',
    ...ageHeader(list.head.downloadedAt, session.environment.now()),
  };
  if (holds === 'in-scope') headers['Sync-Scope'] = 'filter';
  headers['Sync-Not-Synchronized'] = headerJson(list.notClean.slice(0, marksNamed));
  if (list.warnings.length > 0) headers['Sync-Warnings'] = headerJson(list.warnings);
  return new Response(`[${list.texts.join(',')}]`, { headers });
}
