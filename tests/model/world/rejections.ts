import type { Violation } from '../../support/oracle.ts';

/** Rejections that nobody takes, from now until the end. */
export function collectRejections(): { end(): readonly Violation[] } {
  const violations: Violation[] = [];
  const onRejection = (reason: unknown): void => {
    violations.push({ oracle: 'O6', message: `unhandled ${String(reason)}` });
  };
  process.on('unhandledRejection', onRejection);
  return {
    end: () => {
      process.off('unhandledRejection', onRejection);
      return violations;
    },
  };
}
