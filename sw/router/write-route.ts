import { SyncError } from '../protocol/errors.ts';
import type { RecordKey } from '../protocol/record.ts';
import type { Table } from '../store/schema.ts';
import { checkSignedIn } from '../sync/signed-in.ts';
import { commitWrite, type NamedWrite, type WriteAnswer, type WriteContext } from './commit-write.ts';
import { nameRequest } from './current-keys.ts';
import { fromNetwork } from './network.ts';
import { passesBy } from './online-table.ts';
import { prepareWrite } from './prepare-write.ts';
import { readBody } from './request-body.ts';

/** `POST`, `PUT`, `PATCH` and `DELETE` of a declared table: on disk before it is answered (invariant 1). */
export async function writeOne(
  context: WriteContext,
  table: Table,
  key: RecordKey | null,
  request: Request,
): Promise<WriteAnswer> {
  const { session } = context;
  if (await passesBy(session, table, key, request)) {
    return { response: await fromNetwork(session, request, 'online-only'), requestRow: null, stored: false };
  }
  if (table.direction === 'down')
    throw new SyncError('unsupported', `${table.name} is only downloaded; it cannot be written here.`);
  checkSignedIn(session);
  const body = request.method === 'DELETE' ? null : await readBody(request);
  const prepareNamed = async (): Promise<NamedWrite> => {
    const { key: current, body: named, aliases } = await nameRequest(session, table, key, body);
    return {
      ...prepareWrite(session, table, current, request.method, named),
      ...(aliases === undefined ? {} : { aliases }),
    };
  };
  const source = { request, body: body?.text ?? '', prepareAgain: prepareNamed };
  return commitWrite(context, table, await prepareNamed(), source);
}
