import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBroadcast, mergeDelayMs, type Broadcast } from '../../sw/broadcast/broadcast.ts';
import { maxKeys } from '../../sw/broadcast/merge-changes.ts';
import { channelName } from '../../sw/protocol/api.ts';
import type { RunPhase } from '../../sw/protocol/run.ts';
import { isEventEnvelope, type EventEnvelope, type SyncEvent } from '../../sw/protocol/events.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { runId, syncProgress, syncResult } from '../support/sync-shapes.ts';

describe('events to all tabs', () => {
  let clock: ManualClock;
  let broadcast: Broadcast;
  let tab: BroadcastChannel;
  let heard: EventEnvelope[];
  let marks = 0;

  beforeEach(() => {
    clock = new ManualClock();
    const name = `broadcast-${crypto.randomUUID()}`;
    broadcast = createBroadcast({ name, now: clock.now, setTimer: clock.setTimer });
    tab = new BroadcastChannel(channelName(name));
    heard = [];
  });

  afterEach(() => {
    broadcast.close();
    tab.close();
  });

  /** What a tab heard up to now: a mark sent behind everything else has arrived. */
  function events(): Promise<SyncEvent[]> {
    marks += 1;
    const mark = `mark ${marks}`;
    return new Promise((resolve) => {
      tab.onmessage = ({ data }: MessageEvent<unknown>) => {
        if (!isEventEnvelope(data)) throw new TypeError('not an envelope');
        if (data.event.type === 'busy' && data.event.message === mark) {
          resolve(heard.map(({ event }) => event).filter(({ type }) => type !== 'busy'));
        } else heard.push(data);
      };
      broadcast.post('ann', { type: 'busy', message: mark });
    });
  }

  function progress(phase: RunPhase, done: number, run = 'run-1'): void {
    broadcast.post('ann', { type: 'progress', progress: syncProgress(run, phase, done) });
  }

  async function toldProgress(): Promise<string[]> {
    return (await events()).flatMap((event) =>
      event.type === 'progress' ? [`${event.progress.phase} ${event.progress.done}`] : [],
    );
  }

  it('names the user in a versioned envelope', async () => {
    broadcast.post('ann', { type: 'pending', pending: 3 });
    await events();
    expect(heard[0]).toEqual({ holdfast: 1, user: 'ann', event: { type: 'pending', pending: 3 } });
  });

  it('tells progress at most ten times a second, the latest one', async () => {
    for (let done = 1; done <= 100; done += 1) {
      progress('upload', done);
      clock.advance(10);
    }
    clock.advance(1_000);
    const told = await toldProgress();
    expect(told[0]).toBe('upload 1');
    expect(told.at(-1)).toBe('upload 100');
    expect(told.length).toBeLessThanOrEqual(11);
    expect(told.length).toBeGreaterThanOrEqual(10);
  });

  it('never loses the last progress of a phase', async () => {
    progress('upload', 1);
    progress('upload', 2);
    progress('upload', 3);
    progress('download', 1);
    progress('download', 2);
    clock.advance(1_000);
    expect(await toldProgress()).toEqual(['upload 1', 'upload 3', 'download 2']);
  });

  it('never lets the progress of a run go back', async () => {
    progress('download', 5);
    clock.advance(100);
    progress('download', 4);
    progress('upload', 9);
    clock.advance(100);
    progress('download', 6);
    progress('upload', 1, 'run-2');
    clock.advance(1_000);
    expect(await toldProgress()).toEqual(['download 5', 'download 6', 'upload 1']);
  });

  it('lets the files of the next batch follow the records of the one before, each phase further than it was (S-14)', async () => {
    const told: (readonly [RunPhase, number])[] = [
      ['files', 2],
      ['upload', 10],
      ['files', 1],
      ['files', 3],
      ['upload', 9],
      ['upload', 20],
      ['download', 1],
      ['files', 4],
    ];
    for (const [phase, done] of told) {
      progress(phase, done);
      clock.advance(100);
    }
    expect(await toldProgress()).toEqual(['files 2', 'upload 10', 'files 3', 'upload 20', 'download 1']);
  });

  it('keeps one progress of each phase waiting, the last one', async () => {
    progress('files', 1);
    for (let done = 2; done <= 50; done += 1) {
      progress('files', done);
      progress('upload', done);
    }
    clock.advance(1_000);
    expect(await toldProgress()).toEqual(['files 1', 'files 50', 'upload 50']);
  });

  it('tells waiting progress before the end of the run', async () => {
    progress('apply', 1);
    progress('apply', 2);
    broadcast.post('ann', { type: 'finished', result: syncResult('run-1') });
    const told = await events();
    expect(told.map(({ type }) => type)).toEqual(['progress', 'progress', 'finished']);
  });

  it('goes on telling progress when the clock was set back', async () => {
    let at = 5_000_000;
    broadcast.close();
    broadcast = createBroadcast({ name: tab.name.slice('holdfast:'.length), now: () => at, setTimer: clock.setTimer });
    progress('upload', 1);
    at = 0;
    progress('upload', 2);
    expect(await toldProgress()).toEqual(['upload 1', 'upload 2']);
  });

  it('merges changes of one source for a moment', async () => {
    const local = (changed: readonly string[], removed: readonly string[]): void => {
      broadcast.post('ann', { type: 'changed', source: 'local', tables: { visits: { changed, removed } } });
    };
    local(['v1'], []);
    local(['v2', 'v1'], []);
    local([], ['v2']);
    broadcast.post('ann', {
      type: 'changed',
      source: 'server',
      tables: { visits: { changed: [1, '1'], removed: [] } },
    });
    expect(await events()).toEqual([]);
    clock.advance(mergeDelayMs);
    expect(await events()).toEqual([
      { type: 'changed', source: 'local', tables: { visits: { changed: ['v1'], removed: ['v2'] } } },
      { type: 'changed', source: 'server', tables: { visits: { changed: [1, '1'], removed: [] } } },
    ]);
  });

  it('names a table without its keys when there are too many of them', async () => {
    for (let key = 0; key <= maxKeys; key += 1) {
      broadcast.post('ann', { type: 'changed', source: 'server', tables: { places: { changed: [key], removed: [] } } });
    }
    clock.advance(mergeDelayMs);
    expect(await events()).toEqual([
      { type: 'changed', source: 'server', tables: { places: { changed: null, removed: [] } } },
    ]);
  });

  it('tells what waits under the user it belongs to', async () => {
    broadcast.post('ann', { type: 'changed', source: 'local', tables: { visits: { changed: ['v1'], removed: [] } } });
    broadcast.post('bob', { type: 'pending', pending: 0 });
    await events();
    expect(heard.map(({ user, event }) => `${String(user)} ${event.type}`)).toEqual(['ann changed', 'bob pending']);
  });

  it('sends what waits on closing, and nothing after', async () => {
    progress('upload', 1);
    progress('upload', 2);
    const told = new Promise<number>((resolve) => {
      tab.onmessage = ({ data }: MessageEvent<unknown>) => {
        if (isEventEnvelope(data) && data.event.type === 'progress' && data.event.progress.done === 2) resolve(2);
      };
    });
    broadcast.close();
    broadcast.post('ann', { type: 'started', run: runId('run-1'), mode: 'all', trigger: 'call' });
    expect(await told).toBe(2);
    expect(clock.waiting).toBe(0);
  });
});
