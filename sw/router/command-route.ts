import { SyncError } from '../protocol/errors.ts';
import { requestRowKey } from '../store/requests.ts';
import { writeCommand } from '../store/command-write.ts';
import { expandMarks } from '../sync/expand-marks.ts';
import { checkSignedIn } from '../sync/signed-in.ts';
import { identify } from './identity.ts';
import { namesOfCommand, type CommandPattern } from './match.ts';
import { newMutationId } from '../sync/new-mutation-id.ts';
import type { WriteAnswer, WriteContext } from './commit-write.ts';
import { answerToCommand, waitSecondsOf } from './prefer-wait.ts';
import { readBody } from './request-body.ts';

function accepted(body: string | null): Response {
  return new Response(body, {
    status: 202,
    headers: { 'Content-Type': 'application/json', 'Sync-Status': 'not-synchronized', 'Sync-Source': 'local' },
  });
}

/** A declared command: kept in order with the changes, and answered 202 with its id once it is on disk. */
export async function takeCommand(
  context: WriteContext,
  pattern: CommandPattern,
  request: Request,
): Promise<WriteAnswer> {
  const { session } = context;
  checkSignedIn(session);
  const url = new URL(request.url);
  const { pathname, search } = url;
  const hasBody = (await request.clone().text()) !== '';
  const body = hasBody ? await readBody(request) : { text: '', value: null };
  const identity = identify(request, body.text, { client: context.client, environment: session.environment });
  const mutationId = newMutationId(session);
  const seconds = waitSecondsOf(request);
  await expandMarks(session);
  const result = await writeCommand(
    session.database,
    {
      mutationId,
      method: request.method,
      path: `${pathname}${search}`,
      body: body.value,
      names: namesOfCommand(session.schema, pattern, url, body.value),
      state: 'pending',
      attempts: 0,
      madeAt: session.environment.now(),
      ...(identity.explicit || seconds > 0 ? { asked: true } : {}),
    },
    identity,
    { schema: session.schema, sealsAll: pattern.references === null },
  );
  switch (result.type) {
    case 'stored': {
      const said = JSON.stringify({ id: mutationId });
      const settled = await answerToCommand(session, said, { seq: result.seq, seconds });
      return {
        response: settled ?? accepted(said),
        requestRow: identity.explicit ? null : requestRowKey(identity),
        stored: true,
      };
    }
    case 'repeated': {
      const { body: said, explicit, fingerprint, seqs } = result.row;
      const settled = await answerToCommand(session, said, { seq: seqs?.[0] ?? null, seconds });
      return { response: settled ?? accepted(said), requestRow: explicit ? null : fingerprint, stored: true };
    }
    case 'request-changed':
      throw new SyncError(
        'request-changed',
        'This Idempotency-Key was used for another request. Nothing was stored; take a new key.',
      );
  }
}
