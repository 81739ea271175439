import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTakeOver, type Registered, type RegisteredWorker } from '../../../client/take-over.ts';

class FakeWorker extends EventTarget implements RegisteredWorker {
  state: ServiceWorkerState;
  readonly posted: unknown[] = [];
  constructor(state: ServiceWorkerState) {
    super();
    this.state = state;
  }
  postMessage(message: object): void {
    this.posted.push('type' in message ? message.type : message);
  }
  become(state: ServiceWorkerState): void {
    this.state = state;
    this.dispatchEvent(new Event('statechange'));
  }
}

class FakeRegistration implements Registered {
  active: FakeWorker | null = new FakeWorker('activated');
  waiting: FakeWorker | null = new FakeWorker('installed');

  /** As the browser does when nothing goes on in the old one. */
  activateWaiting(): void {
    const { active, waiting } = this;
    this.active = waiting;
    this.waiting = null;
    active?.become('redundant');
    waiting?.become('activating');
    waiting?.become('activated');
  }
}

describe('a waiting worker', () => {
  let registration: FakeRegistration;
  let old: FakeWorker;
  let waiting: FakeWorker;
  let isAtWork: boolean;
  let takeOver: ReturnType<typeof createTakeOver>;

  beforeEach(() => {
    vi.useFakeTimers();
    registration = new FakeRegistration();
    old = registration.active ?? old;
    waiting = registration.waiting ?? waiting;
    isAtWork = true;
    takeOver = createTakeOver(() => registration);
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  function take(): { value: boolean | null } {
    const taken: { value: boolean | null } = { value: null };
    void takeOver
      .takeWaiting(() => Promise.resolve(isAtWork))
      .then((value) => {
        taken.value = value;
      });
    return taken;
  }

  const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

  it('is let in when the old one has ended its run, which it is told to each second', async () => {
    const taken = take();
    await pass(2_950);
    expect(old.posted).toEqual(['give-way', 'give-way', 'give-way']);
    expect(waiting.posted).toEqual([]);
    isAtWork = false;
    await pass(150);
    expect(waiting.posted).toEqual(['skip-waiting']);
    registration.activateWaiting();
    await pass(0);
    expect(taken.value).toBe(true);
  });

  it('is let in without a word to an old one that does nothing: the word would start it', async () => {
    isAtWork = false;
    take();
    await pass(1_900);
    expect(old.posted).toEqual([]);
    expect(waiting.posted).toEqual(['skip-waiting']);
  });

  it('is let in after two minutes though the run goes on', async () => {
    take();
    await pass(119_000);
    expect(waiting.posted).toEqual([]);
    await pass(2_000);
    expect(waiting.posted).toEqual(['skip-waiting']);
  });

  it('has the old one left alone for a second, or until it is active', async () => {
    isAtWork = false;
    const taken = take();
    await pass(0);
    expect(takeOver.succession()).not.toBeNull();
    await pass(999);
    expect(takeOver.succession()).not.toBeNull();
    await pass(1);
    expect(takeOver.succession()).toBeNull();
    takeOver.lost();
    expect(takeOver.succession()).not.toBeNull();
    registration.activateWaiting();
    await pass(0);
    expect(takeOver.succession()).toBeNull();
    expect(taken.value).toBe(true);
    takeOver.lost();
    expect(takeOver.succession()).toBeNull();
  });

  it('that is left waiting has the old one told again, so rarely that it can become idle', async () => {
    isAtWork = false;
    take();
    await pass(31_000);
    expect(old.posted).toHaveLength(4);
    await pass(30_500);
    expect(old.posted).toHaveLength(4);
  });

  it('that another tab lets in is taken at once, and no call waits for it', async () => {
    const taken = take();
    await pass(500);
    registration.activateWaiting();
    await pass(150);
    expect(taken.value).toBe(true);
    expect(waiting.posted).toEqual([]);
    expect(takeOver.succession()).toBeNull();
  });

  it('whose old one ended meanwhile has it told nothing for a second', async () => {
    take();
    await pass(950);
    const told = old.posted.length;
    takeOver.lost();
    await pass(900);
    expect(old.posted).toHaveLength(told);
    await pass(200);
    expect(old.posted.length).toBeGreaterThan(told);
  });

  it('that a newer one replaced leaves its place to that one', async () => {
    const taken = take();
    await pass(500);
    const newer = new FakeWorker('installed');
    registration.waiting = newer;
    waiting.become('redundant');
    isAtWork = false;
    await pass(150);
    expect(newer.posted).toEqual(['skip-waiting']);
    registration.activateWaiting();
    await pass(0);
    expect(taken.value).toBe(true);
  });

  it('that was discarded, or is not there, is told as none', async () => {
    const taken = take();
    registration.waiting = null;
    waiting.become('redundant');
    await pass(150);
    expect(taken.value).toBe(false);
    expect(await takeOver.takeWaiting(() => Promise.resolve(false))).toBe(false);
  });
});
