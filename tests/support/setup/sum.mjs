/**
 * @typedef {object} SuiteResult What one suite reported.
 * @property {string} name
 * @property {number} passed
 * @property {number} failed tests that failed, and test files that could not be run
 * @property {number} skipped
 * @property {boolean} crashed true when the suite ended without a report, or badly in spite of a good one
 * @property {readonly string[]} failures the names of what failed, each with what it said
 */

/** What is shown of one failure: the rest stands where it failed, which may be far above the sum. */
const charactersOfFailure = 2000;

/**
 * @param {{ name?: string, message?: string, assertionResults: readonly Record<string, unknown>[] }} file
 * @returns {string[]}
 */
function failuresIn({ name = '', message = '', assertionResults }) {
  const failed = assertionResults.filter(({ status }) => status === 'failed');
  if (failed.length === 0) return [`${name}\n${message}`.slice(0, charactersOfFailure)];
  return failed.map(({ fullName = '', failureMessages = [] }) =>
    [`${name}: ${fullName}`, .../** @type {string[]} */ (failureMessages)].join('\n').slice(0, charactersOfFailure),
  );
}

/**
 * Reads the report of vitest's `json` reporter. A test file that fails before its first test counts as one failure,
 * since it has no test that could.
 *
 * @param {string} name
 * @param {unknown} report the parsed report, undefined when there is none
 * @param {number} exitCode
 * @returns {SuiteResult}
 */
export function readReport(name, report, exitCode) {
  const { numPassedTests, numFailedTests, numPendingTests, testResults } = /** @type {Record<string, unknown>} */ (
    typeof report === 'object' && report !== null ? report : {}
  );
  if (typeof numPassedTests !== 'number' || typeof numFailedTests !== 'number' || !Array.isArray(testResults)) {
    return { name, passed: 0, failed: 1, skipped: 0, crashed: true, failures: [] };
  }
  const failedFiles = testResults.filter((file) => file.status === 'failed');
  const brokenFiles = failedFiles.filter(
    (file) => !file.assertionResults.some((/** @type {{ status: string }} */ test) => test.status === 'failed'),
  ).length;
  const failed = numFailedTests + brokenFiles;
  const crashed = exitCode !== 0 && failed === 0;
  return {
    name,
    passed: numPassedTests,
    failed: crashed ? 1 : failed,
    skipped: typeof numPendingTests === 'number' ? numPendingTests : 0,
    crashed,
    failures: failedFiles.flatMap(failuresIn),
  };
}

/**
 * @param {readonly SuiteResult[]} suites
 * @returns {{ line: string, exitCode: number }} the last line of a test run, and its exit code: a run without any test
 * did not pass
 */
export function sumUp(suites) {
  const passed = suites.reduce((sum, suite) => sum + suite.passed, 0);
  const failed = suites.reduce((sum, suite) => sum + suite.failed, 0);
  return { line: `${passed} passed, ${failed} failed`, exitCode: failed === 0 && passed > 0 ? 0 : 1 };
}
