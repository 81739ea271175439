import { describe, expect, it } from 'vitest';
import type { JournalRow } from '../../sw/store/run-rows.ts';
import { nextState, type RunEvent, type RunFacts, type Transition } from '../../sw/sync/run-state.ts';

type State = JournalRow['state'];
type EventType = RunEvent['type'];
type Situation = 'plain' | 'selected' | 'withFiles' | 'withoutDownload' | 'unsynchronized' | 'someFailed' | 'someLater';

const situations: Readonly<Record<Situation, RunFacts>> = {
  plain: { mode: 'all', downloads: true, files: false, failed: 0, later: false },
  selected: { mode: 'selected', downloads: true, files: true, failed: 0, later: false },
  withFiles: { mode: 'all', downloads: true, files: true, failed: 0, later: false },
  withoutDownload: { mode: 'all', downloads: false, files: false, failed: 0, later: false },
  unsynchronized: { mode: 'unsynchronized', downloads: true, files: true, failed: 0, later: false },
  someFailed: { mode: 'all', downloads: true, files: false, failed: 3, later: false },
  someLater: { mode: 'all', downloads: true, files: false, failed: 3, later: true },
};

/** What becomes of the run: a state, an outcome, or nothing. */
type Next = State | 'finished' | 'partial' | 'failed' | 'cancelled' | 'too-late';

/** One cell for each state, event and situation; the table does not compile with one of them missing. */
type TransitionTable = Readonly<Record<State, Readonly<Record<EventType, Next | Readonly<Record<Situation, Next>>>>>>;

const table: TransitionTable = {
  uploading: {
    uploaded: {
      plain: 'downloading',
      selected: 'refreshing',
      withFiles: 'downloading',
      withoutDownload: 'finished',
      unsynchronized: 'finished',
      someFailed: 'downloading',
      someLater: 'downloading',
    },
    downloaded: 'failed',
    applied: 'failed',
    refreshed: 'failed',
    fetched: 'failed',
    fault: 'failed',
    cancel: 'cancelled',
  },
  downloading: {
    uploaded: 'failed',
    downloaded: 'applying',
    applied: 'failed',
    refreshed: 'failed',
    fetched: 'failed',
    fault: 'failed',
    cancel: 'cancelled',
  },
  refreshing: {
    uploaded: 'failed',
    downloaded: 'failed',
    refreshed: 'applying',
    applied: 'failed',
    fetched: 'failed',
    fault: 'failed',
    cancel: 'cancelled',
  },
  applying: {
    uploaded: 'failed',
    downloaded: 'failed',
    applied: {
      plain: 'finished',
      selected: 'finished',
      withFiles: 'fetching',
      withoutDownload: 'finished',
      unsynchronized: 'finished',
      someFailed: 'partial',
      someLater: 'failed',
    },
    refreshed: 'failed',
    fetched: 'failed',
    fault: 'failed',
    cancel: 'too-late',
  },
  fetching: {
    uploaded: 'failed',
    downloaded: 'failed',
    refreshed: 'failed',
    applied: 'failed',
    fetched: {
      plain: 'finished',
      selected: 'finished',
      withFiles: 'finished',
      withoutDownload: 'finished',
      unsynchronized: 'finished',
      someFailed: 'partial',
      someLater: 'failed',
    },
    fault: 'failed',
    cancel: 'cancelled',
  },
};

function entries<Key extends string, Value>(record: Readonly<Record<Key, Value>>): [Key, Value][] {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-type-assertion -- literals above: they have no other keys
  return Object.entries(record) as [Key, Value][];
}

const cells = entries(table).flatMap(([state, row]) =>
  entries(row).flatMap(([event, next]) =>
    entries(situations).map(([situation, facts]) => {
      const expected = typeof next === 'string' ? next : next[situation];
      return { state, event, situation, facts, expected };
    }),
  ),
);

function nameOf(transition: Transition): Next {
  if (transition.type === 'too-late') return 'too-late';
  const { state } = transition;
  return state.type === 'ended' ? state.outcome : state.type;
}

describe('the states of a run (SPEC 4)', () => {
  it.each(cells)('$state, on $event, $situation: $expected', ({ state, event, facts, expected }) => {
    expect(nameOf(nextState(state, { type: event }, facts))).toBe(expected);
  });

  it('end a run that failed or was cancelled without a switch (invariant 5)', () => {
    const intoApplying = cells.filter(({ expected }) => expected === 'applying');
    expect(new Set(intoApplying.map(({ state, event }) => `${state} ${event}`))).toEqual(
      new Set(['downloading downloaded', 'refreshing refreshed']),
    );
  });

  it('lead from each state to an end, whatever the order of events', () => {
    for (const [start] of entries(table)) {
      const reached = new Set<Next>([start]);
      for (const from of reached) {
        for (const cell of cells) if (cell.state === from) reached.add(cell.expected);
      }
      expect([...reached].filter((next) => next === 'finished')).toEqual(['finished']);
    }
  });
});
