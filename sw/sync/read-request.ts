import { SyncError } from '../protocol/errors.ts';
import { runModes, type SynchronizeOptions } from '../protocol/run.ts';
import type { Schema } from '../store/schema.ts';
import type { RunRequest } from './run.ts';
import { parseSelection } from './selection.ts';

const busyRules: readonly unknown[] = ['error', 'queue', 'join'];

function wrong(message: string): never {
  throw new SyncError('invalid-request', `${message} Nothing was synchronized.`);
}

/** Reads the options of a call, which came from a page. Throws an error that names what is wrong, before anything begins. */
export function readRequest(schema: Schema, options: SynchronizeOptions): RunRequest {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null) wrong('The options of synchronize are an object.');
  const { mode = 'all', full = false, onBusy = 'error', selection, includeParents } = options;
  if (!runModes.includes(mode)) wrong(`There is no mode ${JSON.stringify(mode)}; give one of ${runModes.join(', ')}.`);
  if (typeof full !== 'boolean') wrong('full is true or false.');
  if (!busyRules.includes(onBusy)) wrong(`onBusy is ${JSON.stringify(onBusy)}; give one of ${busyRules.join(', ')}.`);
  if (mode !== 'selected') {
    if (selection !== undefined) wrong(`A selection is for mode selected, not for ${mode}.`);
    return { mode, full, trigger: 'call' };
  }
  return { mode, full: false, trigger: 'call', selection: parseSelection(schema, selection, includeParents) };
}
