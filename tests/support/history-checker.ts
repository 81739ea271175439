import type { AnsweredRead, AnsweredWrite, Evidence, Violation } from './oracle.ts';
import type { RecordKey } from '../../sw/protocol/record.ts';

function isOf(a: { table: string; key: RecordKey; device: string; user: string }, b: typeof a): boolean {
  return a.table === b.table && a.key === b.key && a.device === b.device && a.user === b.user;
}

/**
 * Read your writes, monotonic reads, writes follow reads: for each device and user, by field. A value that failed, or was
 * thrown away, makes no claim.
 */
export function historyFaults(evidence: Evidence): Violation[] {
  const { writes, reads, effects, devices, isExcused } = evidence;
  const violations: Violation[] = [];
  const positions = new Map<string, number>();
  effects.forEach((effect, index) => {
    for (const [field, value] of Object.entries(effect.after ?? {})) {
      const id = `${field}=${JSON.stringify(value)}`;
      if (!positions.has(id)) positions.set(id, index);
    }
  });
  const positionOf = (field: string, value: unknown): number =>
    positions.get(`${field}=${JSON.stringify(value)}`) ?? -1;
  const failed = (read: AnsweredRead | AnsweredWrite, value: string): boolean =>
    isExcused(value) ||
    devices.some(
      (state) =>
        state.device === read.device &&
        state.user === read.user &&
        state.failures.some((failure) => failure.table === read.table && failure.key === read.key),
    );
  const putOff = new Set(
    writes.flatMap(({ fields, isPutOff }) => (isPutOff === true ? Object.values(fields ?? {}) : [])),
  );
  const complain = (read: AnsweredRead, message: string): void => {
    const where = `${read.table} ${read.key} by ${read.user} on ${read.device} at ${read.startedAt}`;
    violations.push({ oracle: 'history', message: `${where}: ${message}` });
  };

  for (const read of reads) {
    const own = writes.filter((write) => isOf(write, read) && write.isCommand !== true);
    for (const write of own) {
      if (write.endedAt >= read.startedAt || write.fields === null || write.isUnheard === true) continue;
      for (const [field, value] of Object.entries(write.fields)) {
        const seen = read.record?.[field] ?? null;
        if (seen === value || failed(write, value)) continue;
        const isReplacedHere = own.some(
          (other) =>
            other !== write &&
            other.endedAt > write.startedAt &&
            other.startedAt < read.endedAt &&
            (other.fields === null || other.isNew === true || Object.hasOwn(other.fields, field)),
        );
        if (isReplacedHere) continue;
        const at = positionOf(field, value);
        const isReplacedThere =
          at >= 0 &&
          effects.some(
            (effect, index) =>
              index > at &&
              effect.table === read.table &&
              effect.key === read.key &&
              (effect.after?.[field] ?? null) === seen,
          );
        if (!isReplacedThere) complain(read, `${field} is ${JSON.stringify(seen)} after ${value} was written`);
      }
    }
  }

  for (const own of ownReads(reads)) {
    violations.push(...wentBack(own, evidence, (read, value) => putOff.has(value) || failed(read, value)));
  }

  for (const write of writes) {
    for (const read of reads) {
      if (!isOf(write, read) || read.endedAt >= write.startedAt) continue;
      for (const [field, value] of Object.entries(write.fields ?? {})) {
        const seen = read.record?.[field];
        const [seenAt, writtenAt] = [positionOf(field, seen), positionOf(field, value)];
        if (typeof seen !== 'string' || putOff.has(seen) || seenAt < 0 || writtenAt < 0 || writtenAt >= seenAt)
          continue;
        complain(read, `${value} was applied before ${seen}, which was read before it was written`);
      }
    }
  }
  return violations;
}

/** Reads of one record by one user on one device, from the same place, in the order in which they ended. */
function ownReads(reads: readonly AnsweredRead[]): Iterable<readonly AnsweredRead[]> {
  const own = new Map<string, AnsweredRead[]>();
  for (const read of [...reads].sort((a, b) => a.endedAt - b.endedAt)) {
    const { device, user, table, key, isFromNetwork = false } = read;
    const id = JSON.stringify([device, user, table, key, isFromNetwork]);
    own.set(id, [...(own.get(id) ?? []), read]);
  }
  return own.values();
}

/**
 * Monotonic reads: each read shows a state of the server's that is not before one that was shown earlier. A value that was there more
 * than once, as one that a device marked to be sent as it had it (K-03), may be the later one.
 */
function wentBack(
  reads: readonly AnsweredRead[],
  { effects }: Evidence,
  failed: (read: AnsweredRead, value: string) => boolean,
): Violation[] {
  const violations: Violation[] = [];
  const [first] = reads;
  if (first === undefined || reads.length < 2) return violations;
  const { table, key } = first;
  const states = effects.filter((effect) => effect.table === table && effect.key === key).map(({ after }) => after);
  const shown = new Map<string, { readonly endedAt: number; readonly value: string; readonly at: number }[]>();
  for (const read of reads) {
    for (const [field, value] of Object.entries(read.record ?? {})) {
      if (typeof value !== 'string' || failed(read, value)) continue;
      const before = (shown.get(field) ?? [])
        .filter(({ endedAt }) => endedAt < read.startedAt)
        .reduce<{ value: string; at: number }>((last, each) => (each.at > last.at ? each : last), {
          value: '',
          at: -1,
        });
      const at = states.findIndex((state, index) => index >= before.at && state?.[field] === value);
      if (at >= 0) shown.set(field, [...(shown.get(field) ?? []), { endedAt: read.endedAt, value, at }]);
      else if (states.some((state) => state?.[field] === value)) {
        const where = `${table} ${key} by ${read.user} on ${read.device} at ${read.startedAt}`;
        violations.push({
          oracle: 'history',
          message: `${where}: ${field} went back from ${before.value} to ${value}`,
        });
      }
    }
  }
  return violations;
}
