import type { KeySlot } from './key-slot.ts';
import type { RequestRow } from './request-rows.ts';
import type { RunId } from '../protocol/record.ts';
import type { ScopeOption } from '../protocol/scope.ts';
import type { RunMode, RunTrigger } from '../protocol/run.ts';
import type { ErrorCode } from '../protocol/errors.ts';

/** Single values of a database. */
export interface MetaValues {
  readonly device: string;
  /** The last `seq` given out; `getMeta` looks in `seqWrites` too. */
  readonly seq: number;
  /** Another value after each transaction that may have written heads. */
  readonly seqHeads: string;
  /** What a guessed write leaves in one row: its `seq`, and requests of pages whose answers may still be handed over. */
  readonly seqWrites: { readonly seq: number; readonly requests: readonly RequestRow[] };
  /** What rows with a `seq` up to this left in the index is swept. */
  readonly seqsSwept: number;
  /** The last number given to a root, leaf generation, segment or batch. */
  readonly number: number;
  /** Rows with a `seq` up to this are sealed. */
  readonly sealedThrough: number;
  /** Rows with a `seq` up to this may be in a file of unsent work. */
  readonly exportedThrough: number;
  /** Another value after each transaction that may have written changes. */
  readonly changesStamp: string;
  readonly serverEpoch: string;
  /** Which database this is; made with it (SPEC Z-1). */
  readonly epoch: string;
  /** The browser made it in the place of a damaged one. */
  readonly dataLoss: boolean;
  /** Epoch of the lost database in the place of which it was made. */
  readonly replaces: string;
  /** Local data was lost, and a full download has not ended since. */
  readonly storageReset: { readonly atLeast: number; readonly at: number };
  /** If rows are encrypted: by what key; and whether rows from before may be left. */
  readonly encryption: { readonly slot: KeySlot; readonly rowsLeft: boolean };
  /** The app's schema that last opened the database, by table its shape, and whether rows of an older one may be left. */
  readonly schema: {
    readonly version: number;
    readonly shapes: Readonly<Record<string, { readonly key: string; readonly columns: string }>>;
    readonly rowsLeft: boolean;
  };
  readonly backoff: {
    readonly until: number;
    readonly attempts: number;
    readonly code: ErrorCode;
    /** It is for some changes alone that the server could not take, none above this `seq`: all else goes on. */
    readonly forThrough?: number;
  };
  /** The last turn of what was put off ended here, since the server failed: the next one begins behind it. */
  readonly turnThrough: number;
  readonly authRequired: boolean;
  /** A run was asked for while another went. */
  readonly runAgain: { readonly mode: RunMode; readonly trigger: RunTrigger };
  readonly reachable: boolean;
  /** Scopes that were set by a page, by table. */
  readonly scopes: Readonly<Record<string, ScopeOption>>;
  /** The run that is to end as cancelled. */
  readonly cancelRun: RunId;
  /** How many temporary keys were replaced so far. */
  readonly aliases: number;
  /** By table: the head's generation for which all contents that the server has are here. */
  readonly contentsFetched: Readonly<Record<string, number>>;
}

export type MetaName = keyof MetaValues;

/** All that were set, as one transaction had them. */
export type MetaSnapshot = { readonly [Name in MetaName]?: MetaValues[Name] };

export type MetaRow = {
  readonly [Name in MetaName]: { readonly name: Name; readonly value: MetaValues[Name] };
}[MetaName];
