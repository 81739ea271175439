import { isMutationId, type MutationId } from '../protocol/record.ts';
import type { Environment } from './environment.ts';

/** The identity of one version of a change or command: another one with each write (SPEC W-1). */
export function newMutationId({ environment }: { readonly environment: Pick<Environment, 'newId'> }): MutationId {
  const id = environment.newId();
  if (!isMutationId(id)) throw new TypeError('newId made no usable id');
  return id;
}
