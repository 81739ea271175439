import type { TableDefinition } from '../schema/table-definition.ts';
import { type Applied, misuseMessage } from '../write/apply-changes.ts';
import { ProblemError } from './problem.ts';

interface Asked {
  readonly table: TableDefinition;
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly command?: boolean;
}

/** The outcome of a change in the words of HTTP. */
export function answerOf({ outcome, created, replayed }: Applied, { table, method, command }: Asked): Response {
  switch (outcome.type) {
    case 'applied': {
      if (outcome.record === null) return new Response(null, { status: 204 });
      const isNew = (created || (replayed && method === 'POST')) && command !== true;
      const location = `/api/${table.name}/${encodeURIComponent(outcome.key ?? '')}`;
      return new Response(JSON.stringify(outcome.record), {
        status: isNew ? 201 : 200,
        headers: {
          'Content-Type': 'application/json',
          'Cache-Control': 'no-store',
          ...(outcome.version === null ? {} : { ETag: `"${outcome.version}"` }),
          ...(isNew ? { Location: location } : {}),
        },
      });
    }
    case 'rejected': {
      if (outcome.message === misuseMessage) throw new ProblemError(422, 'request-changed', outcome.message);
      if (outcome.code === 'too-large') throw new ProblemError(413, outcome.code, outcome.message);
      const referenced = method === 'DELETE' && outcome.code === 'validation';
      if (referenced) throw new ProblemError(409, 'referenced', outcome.message);
      const { fields } = outcome;
      throw new ProblemError(422, outcome.code, outcome.message, fields === undefined ? {} : { errors: fields });
    }
    case 'conflict':
      if (method === 'POST' && command !== true) {
        throw new ProblemError(409, 'exists', `${table.name} has a record with this key.`);
      }
      throw new ProblemError(412, 'conflict', 'The record has another version.');
    case 'gone':
      throw new ProblemError(404, 'not-found', outcome.message);
    case 'forbidden':
      throw new ProblemError(403, 'forbidden', outcome.message);
    case 'dangling':
      throw new ProblemError(422, 'dangling', outcome.message, { references: outcome.references });
    case 'fenced':
      throw new ProblemError(409, 'cancelled', 'The client has given up this request before it arrived.');
    case 'undone':
    case 'later':
      throw new ProblemError(503, 'server', 'message' in outcome ? outcome.message : 'It was undone with its group.');
  }
}
