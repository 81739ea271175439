import { isMutationId, type MutationId } from '../protocol/record.ts';
import type { Session } from './session.ts';

/** The identity of one version of a change or command: another one with each write (SPEC W-1). */
export function newMutationId({ environment }: Pick<Session, 'environment'>): MutationId {
  const id = environment.newId();
  if (!isMutationId(id)) throw new TypeError('newId made no usable id');
  return id;
}
