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
            (other.fields === null || Object.hasOwn(other.fields, field)),
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

  for (const [index, read] of reads.entries()) {
    for (const later of reads.slice(index + 1)) {
      if (!isOf(later, read) || later.startedAt <= read.endedAt) continue;
      if (later.isFromNetwork !== read.isFromNetwork) continue;
      for (const [field, value] of Object.entries(read.record ?? {})) {
        const seen = later.record?.[field];
        if (typeof value !== 'string' || typeof seen !== 'string' || seen === value) continue;
        const [before, after] = [positionOf(field, value), positionOf(field, seen)];
        if (before < 0 || after < 0 || after >= before || failed(read, value) || failed(read, seen)) continue;
        complain(later, `${field} went back from ${value} to ${seen}`);
      }
    }
  }

  for (const write of writes) {
    for (const read of reads) {
      if (!isOf(write, read) || read.endedAt >= write.startedAt) continue;
      for (const [field, value] of Object.entries(write.fields ?? {})) {
        const [seenAt, writtenAt] = [positionOf(field, read.record?.[field]), positionOf(field, value)];
        if (typeof read.record?.[field] !== 'string' || seenAt < 0 || writtenAt < 0 || writtenAt >= seenAt) continue;
        complain(read, `${value} was applied before ${read.record[field]}, which was read before it was written`);
      }
    }
  }
  return violations;
}
