import fc from 'fast-check';
import { networkFaults, requestKinds, type NetworkFault, type RequestKind } from './network.ts';

export const users = ['ana', 'ben'] as const;
export type User = (typeof users)[number];
export const tableNames = ['visits', 'lines', 'products', 'tasks'] as const;
export type TableName = (typeof tableNames)[number];
export const fieldNames = ['a', 'b', 'c'] as const;

interface At {
  readonly device: number;
  readonly page: number;
}

interface OnRecord extends At {
  readonly table: TableName;
  readonly key: number;
}

/** `damaged`: all storage, and the browser says so. `databases`: these only, without a word. */
export type StorageLoss = 'damaged' | 'databases';

/** A write or command of a group. A new record of `tasks` is named there, for what comes behind it and refers to one. */
export interface GroupPart {
  readonly table: TableName;
  readonly key: number;
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'close';
  readonly fields: readonly string[];
  readonly isRejected: boolean;
  readonly refersTo: number;
}

/** One thing that happens. Numbers are taken modulo what there is, so that any list of commands means something. */
export type Command =
  | (OnRecord & {
      readonly type: 'write';
      readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
      readonly fields: readonly string[];
      readonly isRejected: boolean;
      readonly withKey: boolean;
      /** The task to which a line or a task refers; 0: none that is named here. */
      readonly refersTo: number;
    })
  | (OnRecord & { readonly type: 'read' })
  | (At & { readonly type: 'list'; readonly table: TableName })
  | (OnRecord & {
      readonly type: 'draft';
      /** `attach`: gives it a file, where its table has one. */
      readonly what: 'write' | 'attach' | 'commit' | 'discard';
      readonly fields: readonly string[];
    })
  | (At & {
      readonly type: 'file';
      readonly table: 'visits' | 'tasks';
      readonly key: number;
      /** `form`: with a new record. */
      readonly what: 'put' | 'form' | 'remove' | 'read';
      /** Of the content, about. */
      readonly bytes: number;
      readonly refersTo: number;
    })
  | (At & { readonly type: 'close'; readonly table: 'visits' | 'tasks'; readonly key: number })
  | (At & { readonly type: 'group'; readonly members: readonly GroupPart[]; readonly withKey: boolean })
  | (At & {
      readonly type: 'synchronize';
      readonly mode: 'all' | 'unsynchronized';
      readonly full: boolean;
      readonly onBusy: 'error' | 'queue' | 'join';
    })
  | (At & {
      readonly type: 'select';
      readonly tables: readonly TableName[];
      readonly keys: readonly number[];
      readonly includeParents: boolean;
      readonly onBusy: 'error' | 'queue' | 'join';
    })
  | (At & {
      readonly type: 'trigger';
      readonly trigger: 'timer' | 'online' | 'visible' | 'background-sync' | 'start' | 'live';
    })
  | (At & { readonly type: 'cancel' })
  | (At & { readonly type: 'set-status'; readonly table: TableName; readonly status: 0 | 1; readonly field: string })
  | (At & { readonly type: 'failure'; readonly what: 'retry' | 'discard'; readonly index: number })
  /** Of a record whose conflict is the user's to resolve. */
  | (At & { readonly type: 'resolve'; readonly choice: 'both' | 'server'; readonly index: number })
  | (At & { readonly type: 'clear'; readonly table: TableName; readonly field: string; readonly force: boolean })
  | (At & { readonly type: 'sign-in'; readonly user: User })
  /** The app asks the next one to sign in at once. */
  | (At & {
      readonly type: 'sign-out';
      readonly unsent: 'upload' | 'keep' | 'discard';
      readonly data: 'keep' | 'remove';
      readonly next: User;
    })
  | (At & { readonly type: 'open-page' })
  | (At & { readonly type: 'close-page' })
  | (At & { readonly type: 'stop-worker'; readonly afterSteps: number })
  /** By a new version of the app, which may have another schema. */
  | (At & { readonly type: 'replace-worker'; readonly withSchema: boolean })
  | (At & { readonly type: 'break-connections' })
  | (At & { readonly type: 'lose-storage'; readonly what: StorageLoss; readonly stopsWorker: boolean })
  | (At & { readonly type: 'network-fault'; readonly kind: RequestKind; readonly fault: NetworkFault })
  | (At & { readonly type: 'connectivity'; readonly isOnline: boolean })
  | {
      readonly type: 'server-write';
      readonly table: TableName;
      readonly key: number;
      readonly field: string;
      readonly user: User;
    }
  | { readonly type: 'server-delete'; readonly table: TableName; readonly key: number; readonly user: User }
  | { readonly type: 'time'; readonly byMs: number }
  | { readonly type: 'move'; readonly steps: number };

/** How many events of the network follow a command before the next one. */
export interface Step {
  readonly command: Command;
  readonly moves: number;
}

const at = { device: fc.nat(4), page: fc.nat(2) };
const table = fc.constantFrom(...tableNames);
const onRecord = { ...at, table, key: fc.nat(2) };
const user = fc.constantFrom(...users);
const field = fc.constantFrom<string>(...fieldNames);

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({
      type: fc.constant('write' as const),
      ...onRecord,
      method: fc.constantFrom(
        'POST' as const,
        'PUT' as const,
        'PUT' as const,
        'PATCH' as const,
        'PATCH' as const,
        'DELETE' as const,
      ),
      fields: fc.subarray([...fieldNames], { minLength: 1 }),
      isRejected: fc.nat(14).map((n) => n === 14),
      withKey: fc.nat(7).map((n) => n === 7),
      refersTo: fc.constantFrom(0, 0, 1, 2, 3),
    }),
  },
  { weight: 8, arbitrary: fc.record({ type: fc.constant('read' as const), ...onRecord }) },
  {
    weight: 7,
    arbitrary: fc.record({
      type: fc.constant('file' as const),
      ...at,
      table: fc.constantFrom('visits' as const, 'tasks' as const),
      key: fc.nat(2),
      what: fc.constantFrom(
        'put' as const,
        'put' as const,
        'put' as const,
        'form' as const,
        'remove' as const,
        'read' as const,
      ),
      bytes: fc.nat(24),
      refersTo: fc.constantFrom(0, 0, 1, 2),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('list' as const), ...at, table }) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('draft' as const),
      ...onRecord,
      what: fc.constantFrom(
        'write' as const,
        'write' as const,
        'write' as const,
        'attach' as const,
        'commit' as const,
        'commit' as const,
        'discard' as const,
      ),
      fields: fc.subarray([...fieldNames], { minLength: 1 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('close' as const),
      ...at,
      table: fc.constantFrom('visits' as const, 'tasks' as const),
      key: fc.nat(2),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('group' as const),
      ...at,
      members: fc.array(
        fc.record({
          table,
          key: fc.nat(2),
          method: fc.constantFrom(
            'POST' as const,
            'POST' as const,
            'PUT' as const,
            'PATCH' as const,
            'PATCH' as const,
            'DELETE' as const,
            'close' as const,
          ),
          fields: fc.subarray([...fieldNames], { minLength: 1 }),
          isRejected: fc.nat(19).map((n) => n === 19),
          refersTo: fc.constantFrom(0, 1, 2),
        }),
        { minLength: 1, maxLength: 3 },
      ),
      withKey: fc.nat(3).map((n) => n === 3),
    }),
  },
  {
    weight: 14,
    arbitrary: fc.record({
      type: fc.constant('synchronize' as const),
      ...at,
      mode: fc.constantFrom('all' as const, 'all' as const, 'unsynchronized' as const),
      full: fc.nat(5).map((n) => n === 5),
      onBusy: fc.constantFrom('error' as const, 'queue' as const, 'join' as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('select' as const),
      ...at,
      tables: fc.subarray([...tableNames], { minLength: 1 }),
      keys: fc.subarray([0, 1, 2], { minLength: 1 }),
      includeParents: fc.boolean(),
      onBusy: fc.constantFrom('error' as const, 'queue' as const, 'join' as const),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('trigger' as const),
      ...at,
      trigger: fc.constantFrom(
        'timer' as const,
        'online' as const,
        'visible' as const,
        'background-sync' as const,
        'start' as const,
        'live' as const,
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('cancel' as const), ...at }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('set-status' as const),
      ...at,
      table,
      status: fc.constantFrom(0 as const, 1 as const),
      field,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('failure' as const),
      ...at,
      what: fc.constantFrom('retry' as const, 'discard' as const),
      index: fc.nat(2),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('resolve' as const),
      ...at,
      choice: fc.constantFrom('both' as const, 'server' as const),
      index: fc.nat(2),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('clear' as const), ...at, table, field, force: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('sign-in' as const), ...at, user }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('sign-out' as const),
      ...at,
      unsent: fc.constantFrom('keep' as const, 'keep' as const, 'upload' as const, 'discard' as const),
      data: fc.constantFrom('keep' as const, 'keep' as const, 'remove' as const),
      next: user,
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('open-page' as const), ...at }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('close-page' as const), ...at }) },
  { weight: 7, arbitrary: fc.record({ type: fc.constant('stop-worker' as const), ...at, afterSteps: fc.nat(60) }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('replace-worker' as const), ...at, withSchema: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('break-connections' as const), ...at }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('lose-storage' as const),
      ...at,
      what: fc.constantFrom<StorageLoss>('damaged', 'databases'),
      stopsWorker: fc.boolean(),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constant('network-fault' as const),
      ...at,
      kind: fc.constantFrom<RequestKind>('upload', 'upload', 'download', 'files', ...requestKinds),
      fault: fc.constantFrom(...networkFaults),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('connectivity' as const), ...at, isOnline: fc.boolean() }) },
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant('server-write' as const), table, key: fc.nat(2), field, user }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('server-delete' as const), table, key: fc.nat(2), user }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('time' as const),
      byMs: fc.constantFrom(100, 2_000, 11_000, 40_000, 400_000, 4_000_000, -3_600_000, 31_536_000_000),
    }),
  },
  { weight: 10, arbitrary: fc.record({ type: fc.constant('move' as const), steps: fc.nat(12) }) },
);

export interface History {
  readonly seed: number;
  readonly devices: number;
  /** Null: left out, when a failing history is made shorter. */
  readonly steps: readonly (Step | null)[];
}

/** Histories of so many commands. Shrinking leaves commands out one by one, and makes the others simpler. */
export function histories(length: number): fc.Arbitrary<History> {
  const step = fc.option(fc.record({ command, moves: fc.nat(4) }), { freq: 10_000, nil: null });
  return fc.record({
    seed: fc.nat(1_000_000),
    devices: fc.constantFrom(2, 2, 2, 3, 3, 4, 5),
    steps: fc.array(step, { minLength: length, maxLength: length, size: 'max' }),
  });
}
