import type { SyncEvent } from '../sw/protocol/events.ts';

const fieldTypes: Readonly<Record<SyncEvent['type'], readonly (readonly [path: string, type: string])[]>> = {
  started: [['run', 'string']],
  progress: [
    ['progress.run', 'string'],
    ['progress.phase', 'string'],
    ['progress.done', 'number'],
  ],
  busy: [['message', 'string']],
  finished: [['result.run', 'string']],
  changed: [
    ['source', 'string'],
    ['tables', 'object'],
  ],
  pending: [['pending', 'number']],
  failure: [['table', 'string']],
  conflict: [['table', 'string']],
  'unknown-outcome': [['table', 'string']],
  'auth-required': [['error.code', 'string']],
  'credentials-wanted': [],
  'storage-reset': [['error.code', 'string']],
  'storage-blocked': [],
  'update-waiting': [],
  state: [
    ['state.pending', 'number'],
    ['state.syncing', 'boolean'],
  ],
};

/** Any code of the origin can post to the channel: what has not an event's shape is no event. */
export function isSyncEvent(value: unknown): value is SyncEvent {
  const type = valueAt(value, 'type');
  const fields = Object.entries(fieldTypes).find(([name]) => name === type)?.[1];
  return fields?.every(([path, fieldType]) => hasType(valueAt(value, path), fieldType)) ?? false;
}

function hasType(value: unknown, type: string): boolean {
  return typeof value === type && value !== null;
}

function valueAt(value: unknown, path: string): unknown {
  return path.split('.').reduce(
    (holder: unknown, name) =>
      // Only own data: a channel message has no other.
      typeof holder === 'object' && holder !== null ? Object.getOwnPropertyDescriptor(holder, name)?.value : undefined,
    value,
  );
}
