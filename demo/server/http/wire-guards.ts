import {
  isJsonObject,
  isMutationId,
  isRecordKey,
  type Json,
  type JsonObject,
  type MutationId,
} from '../../../sw/protocol/record.ts';
import {
  type DownloadRequest,
  type DownloadTable,
  type FailuresRequest,
  protocolVersion,
  type ReadRequest,
  type SettleRequest,
  type UploadRequest,
  type WireChange,
  type WireScope,
} from '../../../sw/protocol/wire.ts';
import { isFilterTree } from '../../../sw/protocol/filter-tree.ts';
import { isUnstorable } from '../schema/record-text.ts';
import { otherProtocol, ProblemError } from './problem.ts';

function fail(what: string): never {
  throw new ProblemError(400, 'invalid-request', `The request has no valid ${what}.`);
}

function asObject(value: Json | undefined, what: string): JsonObject {
  return isJsonObject(value) ? value : fail(what);
}

function asArray(value: Json | undefined, what: string): readonly Json[] {
  return isArray(value) ? value : fail(what);
}

/** `Array.isArray` does not take a readonly array for one. */
function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function asText(value: Json | undefined, what: string): string {
  return typeof value === 'string' ? value : fail(what);
}

function asTextOrNull(value: Json | undefined, what: string): string | null {
  return value === null ? null : asText(value, what);
}

function asNumber(value: Json | undefined, what: string): number {
  return typeof value === 'number' ? value : fail(what);
}

function asId(value: Json | undefined): MutationId {
  return isMutationId(value) && !isUnstorable(value) ? value : fail('mutationId');
}

function asKey(value: Json | undefined): string | number {
  return isRecordKey(value) ? value : fail('key');
}

function withProtocol(body: Json): JsonObject {
  const request = asObject(body, 'body');
  if (request['protocol'] !== protocolVersion) throw otherProtocol();
  return request;
}

function asChange(value: Json): WireChange {
  const change = asObject(value, 'change');
  const mutationId = asId(change['mutationId']);
  const { type } = change;
  if (type === 'command') {
    const method = asText(change['method'], 'method');
    return { type, mutationId, method, path: asText(change['path'], 'path'), body: change['body'] ?? null };
  }
  const subject = { mutationId, table: asText(change['table'], 'table'), key: asKey(change['key']) };
  switch (type) {
    case 'create':
      return {
        ...{ type, ...subject, record: asObject(change['record'], 'record') },
        ...(change['temporary'] === true ? { temporary: true } : {}),
      };
    case 'update':
      return {
        type,
        ...subject,
        record: asObject(change['record'], 'record'),
        fields: asArray(change['fields'], 'fields').map((field) => asText(field, 'fields')),
        baseVersion: asTextOrNull(change['baseVersion'], 'baseVersion'),
      };
    case 'delete':
      return { type, ...subject, baseVersion: asTextOrNull(change['baseVersion'], 'baseVersion') };
    default:
      return fail('type of a change');
  }
}

export function asUploadRequest(body: Json): UploadRequest {
  const request = withProtocol(body);
  const onConflict = Object.entries(asObject(request['onConflict'] ?? {}, 'onConflict'));
  return {
    protocol: protocolVersion,
    schema: asNumber(request['schema'], 'schema'),
    device: asText(request['device'], 'device'),
    run: asText(request['run'], 'run'),
    onConflict: Object.fromEntries(
      onConflict.map(([table, policy]) => [
        table,
        policy === 'overwrite' || policy === 'report' ? policy : fail('onConflict'),
      ]),
    ),
    ...(request['group'] === undefined ? {} : { group: asText(request['group'], 'group') }),
    changes: asArray(request['changes'], 'changes').map(asChange),
  };
}

export function asSettleRequest(body: Json): SettleRequest {
  const request = withProtocol(body);
  const fence = request['fence'];
  return {
    protocol: protocolVersion,
    mutationIds: asArray(request['mutationIds'], 'mutationIds').map(asId),
    fence: typeof fence === 'boolean' ? fence : fail('fence'),
  };
}

function asScope(value: Json | undefined): WireScope {
  const scope = asObject(value, 'scope');
  const { type, filter } = scope;
  if (type === 'all') return { type };
  if (type !== 'filter' || !isFilterTree(filter)) return fail('scope');
  return { type, filter, params: asObject(scope['params'], 'params') };
}

function asDownloadTable(value: Json): DownloadTable {
  const table = asObject(value, 'table');
  const { resume } = table;
  const common = {
    table: asText(table['table'], 'table'),
    scope: asScope(table['scope']),
    cursor: asTextOrNull(table['cursor'], 'cursor'),
  };
  if (resume === undefined || resume === null) return common;
  const { snapshot, after } = asObject(resume, 'resume');
  return { ...common, resume: { snapshot: asText(snapshot, 'snapshot'), after: asKey(after) } };
}

export function asDownloadRequest(body: Json): DownloadRequest {
  const request = withProtocol(body);
  return {
    protocol: protocolVersion,
    schema: asNumber(request['schema'], 'schema'),
    tables: asArray(request['tables'], 'tables').map(asDownloadTable),
  };
}

export function asReadRequest(body: Json): ReadRequest {
  const request = withProtocol(body);
  const tables = asArray(request['tables'], 'tables').map((value) => {
    const table = asObject(value, 'table');
    return { table: asText(table['table'], 'table'), keys: asArray(table['keys'], 'keys').map(asKey) };
  });
  return { protocol: protocolVersion, tables };
}

export function asFailuresRequest(body: Json): FailuresRequest {
  const request = withProtocol(body);
  const failures = asArray(request['failures'], 'failures').map((value) => {
    const failure = asObject(value, 'failure');
    const id = asText(failure['id'], 'id');
    if (isUnstorable(id) || id.length > 200) fail('id');
    return {
      id,
      table: asText(failure['table'], 'table'),
      key: asKey(failure['key']),
      operation: asText(failure['operation'], 'operation'),
      content: failure['content'] ?? null,
      base: failure['base'] ?? null,
      code: asText(failure['code'], 'code'),
      message: asText(failure['message'], 'message'),
      user: asText(failure['user'], 'user'),
      device: asText(failure['device'], 'device'),
      run: asText(failure['run'], 'run'),
      at: asNumber(failure['at'], 'at'),
    };
  });
  return { protocol: protocolVersion, failures };
}
