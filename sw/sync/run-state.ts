import type { JournalRow } from '../store/run-rows.ts';
import type { RunOutcome } from '../protocol/run.ts';

/** The states of a run: `JournalRow['state']` while it is open, then its outcome. */
export type RunState =
  { readonly type: JournalRow['state'] } | { readonly type: 'ended'; readonly outcome: RunOutcome };

export type RunEvent =
  /** Nothing sendable is left at or below the run's `seq`. */
  | { readonly type: 'uploaded' }
  /** Every table is staged to its end mark. */
  | { readonly type: 'downloaded' }
  /** The copies of all selected records are staged. */
  | { readonly type: 'refreshed' }
  /** The heads were switched. */
  | { readonly type: 'applied' }
  /** The contents of the downloaded records' files are here, but for those that the server lacks. */
  | { readonly type: 'fetched' }
  | { readonly type: 'fault' }
  | { readonly type: 'cancel' };

export interface RunFacts {
  readonly mode: JournalRow['mode'];
  /** Whether there is a table to download. */
  readonly downloads: boolean;
  /** Whether a downloaded table has files. */
  readonly files: boolean;
  /** Records that the server did not take so far. */
  readonly failed: number;
  /** Whether there is something that the server could not take just now. */
  readonly later: boolean;
}

export type Transition =
  | { readonly type: 'to'; readonly state: RunState }
  /** The event has no effect in this state: a cancel that came too late. */
  | { readonly type: 'too-late' };

const ended = (outcome: RunOutcome): Transition => ({ type: 'to', state: { type: 'ended', outcome } });
const to = (state: JournalRow['state']): Transition => ({ type: 'to', state: { type: state } });
const finish = ({ later, failed: notTaken }: RunFacts): Transition =>
  ended(later ? 'failed' : notTaken > 0 ? 'partial' : 'finished');

type Row = { readonly [E in RunEvent['type']]: (facts: RunFacts) => Transition };

const tooLate = (): Transition => ({ type: 'too-late' });
const failed = (): Transition => ended('failed');
const cancelled = (): Transition => ended('cancelled');

/** SPEC 4. A state or event without its cell does not compile. */
const transitions: { readonly [S in JournalRow['state']]: Row } = {
  uploading: {
    uploaded: (facts) => {
      if (facts.mode === 'selected') return to('refreshing');
      return facts.mode === 'all' && facts.downloads ? to('downloading') : finish(facts);
    },
    downloaded: failed,
    refreshed: failed,
    applied: failed,
    fetched: failed,
    fault: failed,
    cancel: cancelled,
  },
  downloading: {
    uploaded: failed,
    downloaded: () => to('applying'),
    refreshed: failed,
    applied: failed,
    fetched: failed,
    fault: failed,
    cancel: cancelled,
  },
  refreshing: {
    uploaded: failed,
    downloaded: failed,
    refreshed: () => to('applying'),
    applied: failed,
    fetched: failed,
    fault: failed,
    cancel: cancelled,
  },
  applying: {
    uploaded: failed,
    downloaded: failed,
    refreshed: failed,
    applied: (facts) => (facts.mode === 'all' && facts.files ? to('fetching') : finish(facts)),
    fetched: failed,
    fault: failed,
    cancel: tooLate,
  },
  fetching: {
    uploaded: failed,
    downloaded: failed,
    refreshed: failed,
    applied: failed,
    fetched: finish,
    fault: failed,
    cancel: cancelled,
  },
};

/** What an event makes of an open run. Pure. */
export function nextState(state: JournalRow['state'], event: RunEvent, facts: RunFacts): Transition {
  return transitions[state][event.type](facts);
}
