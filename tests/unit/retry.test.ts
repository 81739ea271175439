import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorOf } from '../../sw/backend/http.ts';
import { SyncError } from '../../sw/protocol/errors.ts';
import { isWaiting, nextBackoff, type Backoff } from '../../sw/sync/retry.ts';

const now = Date.parse('2026-03-01T12:00:00Z');
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

const noAnswer = new SyncError('network', 'no answer', { retryable: true });

function after(attempts: number, random: number, error: SyncError = noAnswer): Backoff {
  const last = attempts === 0 ? null : { until: now, attempts, code: 'network' as const };
  return nextBackoff(last, error, { now, random });
}

async function said(retryAfter: string, status = 503): Promise<SyncError> {
  return errorOf(new Response('', { status, headers: { 'Retry-After': retryAfter } }), now);
}

describe('the time of the next attempt (U-09, SPEC R-4)', () => {
  it('grows by two up to five minutes', () => {
    const waits = Array.from({ length: 12 }, (_value, attempts) => (after(attempts, 1).until - now) / second);
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
  });

  it('is spread over the whole span, so that clients that failed together do not come together', () => {
    expect([0, 0.25, 0.5, 1].map((random) => after(3, random).until - now)).toEqual([0, 2_000, 4_000, 8_000]);
    fc.assert(
      fc.property(fc.nat(2_000), fc.double({ min: 0, max: 1, noNaN: true }), (attempts, random) => {
        const wait = after(attempts, random).until - now;
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(5 * minute);
      }),
    );
  });

  it('counts the attempts', () => {
    expect([0, 1, 7].map((attempts) => after(attempts, 0.5).attempts)).toEqual([1, 2, 8]);
  });

  it('is what the server says, with up to a tenth on top, however many attempts there were', async () => {
    const error = await said('120');
    expect(after(0, 0, error).until - now).toBe(2 * minute);
    expect(after(9, 1, error).until - now).toBe(2.2 * minute);
  });

  it.each([
    ['seconds', '30', 30 * second],
    ['a date', new Date(now + 3 * minute).toUTCString(), 3 * minute],
    ['a date in the past', new Date(now - hour).toUTCString(), 0],
    ['ten years', String(10 * 365 * 24 * 3600), hour],
    ['a date in ten years', new Date(now + 87_600 * hour).toUTCString(), hour],
  ])('honours %s, one hour at most', async (_name, header, wait) => {
    expect((await said(header)).details).toMatchObject({ retryAfterMs: wait });
    expect(after(0, 0, await said(header)).until - now).toBe(wait);
  });

  it.each(['soon', '', '-5', '1.5', '0x10', 'NaN'])('takes %j for no word at all', async (header) => {
    expect((await said(header)).details).not.toHaveProperty('retryAfterMs');
    expect(after(2, 0.5, await said(header)).until - now).toBe(2 * second);
  });

  it.each([
    [408, true],
    [425, true],
    [429, true],
    [500, true],
    [503, true],
    [400, false],
    [403, false],
    [404, false],
    [422, false],
  ])('comes by itself after %i: %s', async (status, retryable) => {
    const answer = Response.json({ code: 'x' }, { status });
    expect(await errorOf(answer, now)).toMatchObject({ code: 'server', retryable });
  });

  it('is waited for, but not when the clock was set back by more than any wait', () => {
    const backoff: Backoff = { until: now + minute, attempts: 1, code: 'network' };
    expect(isWaiting(backoff, now)).toBe(true);
    expect(isWaiting(backoff, now + minute)).toBe(false);
    expect(isWaiting(backoff, now - 365 * 24 * hour)).toBe(false);
    expect(isWaiting(null, now)).toBe(false);
  });
});
