import { isJsonObject, type Json, type RecordKey } from '../../../sw/protocol/record.ts';
import { type Catalog, parseKey, type TableDefinition } from '../schema/table-definition.ts';
import type { RowState } from './working-set.ts';

export type CommandResult =
  | { readonly type: 'state'; readonly state: RowState }
  | { readonly type: 'rejected'; readonly message: string; readonly fields?: Readonly<Record<string, string>> };

export interface CommandContext {
  readonly body: Json;
  /** The names of all users. */
  readonly users: ReadonlySet<string>;
}

interface CommandDefinition {
  readonly table: string;
  readonly name: string;
  readonly run: (state: RowState, context: CommandContext) => CommandResult;
}

/** Closing what is closed, completing what is done, and handing over to the user who has it already change nothing. */
const commands: readonly CommandDefinition[] = [
  {
    table: 'visits',
    name: 'close',
    run: (state) => ({ type: 'state', state: { ...state, record: { ...state.record, status: 'closed' } } }),
  },
  {
    table: 'visits',
    name: 'hand-over',
    run: (state, { body, users }) => {
      const to = isJsonObject(body) ? body['to'] : undefined;
      if (typeof to !== 'string' || !users.has(to)) {
        return { type: 'rejected', message: 'There is no such user.', fields: { to: 'must name a user' } };
      }
      return { type: 'state', state: { ...state, owner: to } };
    },
  },
  {
    table: 'tasks',
    name: 'complete',
    run: (state) => ({ type: 'state', state: { ...state, record: { ...state.record, done: true } } }),
  },
];

export interface FoundCommand {
  readonly table: TableDefinition;
  readonly key: RecordKey;
  readonly run: CommandDefinition['run'];
}

/** The command of a request such as `POST /api/visits/7/close`, or null. */
export function findCommand(catalog: Catalog, method: string, path: string): FoundCommand | null {
  const parts = /^\/?api\/([^/?]+)\/([^/?]+)\/([^/?]+)$/.exec(path);
  if (parts === null || method !== 'POST') return null;
  const [tableName = '', keyText = '', name = ''] = parts.slice(1);
  const command = commands.find((candidate) => candidate.table === tableName && candidate.name === name);
  const table = catalog.find(tableName);
  if (command === undefined || table === undefined) return null;
  try {
    const key = parseKey(table, decodeURIComponent(keyText));
    return key === null ? null : { table, key, run: command.run };
  } catch {
    return null;
  }
}
