import type { SegmentRef } from './base-rows.ts';
import type { RecordKey, RunId } from '../protocol/record.ts';
import type { Progress, RunMode, RunTrigger, SelectedOutcomeName, TableResult } from '../protocol/run.ts';

/** How far the download of one table in the open run has come; written with each piece (SPEC L-1). */
export interface StagedRow {
  readonly id: `staged:${string}`;
  readonly table: string;
  /** The number under which its leaves are written. */
  readonly generation: number;
  readonly full: boolean;
  readonly snapshot: string;
  /** How many leaves are stored; what the root says of them is in its parts until the end, and then in the root. */
  readonly leaves: number;
  readonly lastKey: RecordKey | null;
  readonly segments: readonly SegmentRef[];
  /** Segments that the head named when staging began, or was last gone on with; a full download replaces these and keeps later ones. */
  readonly replaced: readonly number[];
  readonly downloaded: number;
  readonly removed: number;
  readonly end: { readonly cursor: string; readonly count: number; readonly cursorFor: string } | null;
  readonly refused: boolean;
  /** What it is downloaded for; if that is not so any more, it is not put in place. */
  readonly ground?: string;
  /** Of a full download which an earlier run had completed when it broke off (SPEC L-1c): its cursor then. Its root is stored. */
  readonly completeTo?: string | null;
  /** Of the head when staging began: another one tells that something of the table was acknowledged since. */
  readonly headGeneration?: number;
  /** Copies of selected records only: the cursor stays where it is. */
  readonly refresh?: boolean;
}

/** What is known so far of a selected record's fate; null: nothing yet. */
export interface SelectedVerdict {
  readonly outcome: SelectedOutcomeName;
  readonly reason?: string;
}

/** A part of the open run's selection. Small, so that a run holds a part of it at a time. */
export interface SelectedRow {
  readonly table: string;
  readonly keys: readonly RecordKey[];
  /** Element `i` is about key `i`. */
  readonly verdicts: readonly (SelectedVerdict | null)[];
}

/** Where a run of mode `selected` is. */
export interface SelectionProgress {
  readonly parts: number;
  /** Parts that are done in the phase at work. */
  readonly done: number;
  readonly keys: number;
  readonly includeParents: boolean;
}

/** The open run. It is small, and written with every step. */
export interface JournalRow {
  readonly id: 'open';
  readonly run: RunId;
  readonly mode: RunMode;
  readonly trigger: RunTrigger;
  readonly full: boolean;
  readonly user: string;
  readonly startedAt: number;
  readonly state: 'uploading' | 'downloading' | 'refreshing' | 'applying' | 'fetching';
  /** Of mode `selected`. */
  readonly selection?: SelectionProgress;
  /** What was written later is for the next run. */
  readonly throughSeq: number;
  /** Changes below or at this `seq` were looked at. */
  readonly uploadedThrough: number;
  readonly uploadTotal: number;
  readonly uploadDone: number;
  /** Files that are done with, over all batches. */
  readonly filesDone?: number;
  /** Rows at or below `uploadedThrough` that are to be sent once more in this run. */
  readonly resend: readonly number[];
  /** What an earlier run could not get taken was passed over, or has its turn: behind all else. Or it is left to another run. */
  readonly putOff?: 'found' | 'turn' | 'rest' | 'left';
  readonly tally: Readonly<Record<string, TableResult>>;
  readonly commands: number;
  readonly failed: number;
  /** The server could not take something just now, the same as before, or anything: the run has failed when it has done all else. */
  readonly later?: 'some' | 'same' | 'all';
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly warnings: readonly string[];
  /** Hashes of contents that the server does not have for this user: not asked for again in this run. */
  readonly lackingContents?: readonly string[];
  readonly progress: Progress | null;
}
