import { describe, expect, it } from 'vitest';
import { createSuccession, type SuccessionScope } from '../../sw/succession.ts';

describe('a worker during an update', () => {
  it('gives way once the waiting one is told to take over, and works on if that one was discarded (SPEC R-6a)', () => {
    const waiting: { state: ServiceWorkerState } = { state: 'installed' };
    const registration: { waiting: { readonly state: ServiceWorkerState } | null } = { waiting };
    // As in Firefox: its own state is not told.
    const scope: SuccessionScope = { registration };
    const succession = createSuccession(scope);
    expect(succession.isReplaced()).toBe(false);
    succession.giveWay();
    expect(succession.isReplaced()).toBe(true);
    waiting.state = 'redundant';
    expect(succession.isReplaced()).toBe(false);
    registration.waiting = null;
    succession.giveWay();
    expect(succession.isReplaced()).toBe(false);
  });

  it('gives way on, told once more when the other one does not wait any more', () => {
    const registration: { waiting: { readonly state: ServiceWorkerState } | null } = { waiting: null };
    const succession = createSuccession({ registration });
    succession.giveWay();
    expect(succession.isReplaced()).toBe(false);
    registration.waiting = { state: 'installed' };
    succession.giveWay();
    registration.waiting = null;
    succession.giveWay();
    expect(succession.isReplaced()).toBe(true);
  });

  it('is replaced where the browser says so', () => {
    const serviceWorker: { state: ServiceWorkerState } = { state: 'activated' };
    const succession = createSuccession({ registration: { waiting: null }, serviceWorker });
    expect([succession.ownState(), succession.isReplaced()]).toEqual(['activated', false]);
    serviceWorker.state = 'redundant';
    expect(succession.isReplaced()).toBe(true);
  });
});
