import { PartialSynchronizationError } from '../sw/protocol/errors.ts';
import type { SynchronizeResult } from '../sw/protocol/run.ts';

/** What a call throws for a run in which some records were not taken. */
export function partial(result: SynchronizeResult): PartialSynchronizationError {
  const message = `The server did not take ${result.failed} of the changes. Look at failures().`;
  return new PartialSynchronizationError(message, { details: { result } });
}
