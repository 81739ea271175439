import { describe, expect, it } from 'vitest';
import { readReport, sumUp } from '../support/setup/sum.mjs';

function report(files: readonly (readonly string[])[]): unknown {
  const statuses = files.flat();
  const count = (status: string): number => statuses.filter((each) => each === status).length;
  return {
    numPassedTests: count('passed'),
    numFailedTests: count('failed'),
    numPendingTests: count('pending'),
    testResults: files.map((tests) => ({
      status: tests.length === 0 || tests.includes('failed') ? 'failed' : 'passed',
      assertionResults: tests.map((status) => ({ status })),
    })),
  };
}

describe('the sum of a test run', () => {
  it('adds up the tests of all suites', () => {
    const unit = readReport('unit', report([['passed', 'passed'], ['passed']]), 0);
    const model = readReport('model', report([['passed', 'pending']]), 0);
    expect(model.skipped).toBe(1);
    expect(sumUp([unit, model])).toEqual({ line: '4 passed, 0 failed', exitCode: 0 });
  });

  it('fails when one test failed', () => {
    const unit = readReport('unit', report([['passed', 'failed'], ['passed']]), 1);
    expect(sumUp([unit])).toEqual({ line: '2 passed, 1 failed', exitCode: 1 });
  });

  it('counts a file that broke before its first test as a failure', () => {
    const unit = readReport('unit', report([['passed'], []]), 1);
    expect(unit.crashed).toBe(false);
    expect(sumUp([unit])).toEqual({ line: '1 passed, 1 failed', exitCode: 1 });
  });

  it('names what failed, and what it said', () => {
    const assertionResults = [
      { status: 'passed', fullName: 'adds' },
      { status: 'failed', fullName: 'subtracts', failureMessages: ['Error: 1'] },
    ];
    const testResults = [
      { status: 'failed', name: 'sums.test.ts', message: '', assertionResults },
      { status: 'failed', name: 'other.test.ts', message: 'Cannot find module', assertionResults: [] },
      { status: 'passed', name: 'fine.test.ts', message: '', assertionResults: [{ status: 'passed' }] },
    ];
    const { failures } = readReport('unit', { numPassedTests: 2, numFailedTests: 1, testResults }, 1);
    expect(failures).toEqual(['sums.test.ts: subtracts\nError: 1', 'other.test.ts\nCannot find module']);
  });

  it('fails when a suite left no report', () => {
    const passing = readReport('unit', report([['passed']]), 0);
    expect(sumUp([passing, readReport('browser', undefined, 1)])).toEqual({ line: '1 passed, 1 failed', exitCode: 1 });
  });

  it('fails when a suite ended badly although each of its tests passed', () => {
    const unit = readReport('unit', report([['passed']]), 1);
    expect(unit.crashed).toBe(true);
    expect(sumUp([unit])).toEqual({ line: '1 passed, 1 failed', exitCode: 1 });
  });

  it('fails when no test ran', () => {
    expect(sumUp([])).toEqual({ line: '0 passed, 0 failed', exitCode: 1 });
    expect(sumUp([readReport('unit', report([]), 0)]).exitCode).toBe(1);
  });
});
