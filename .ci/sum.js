// Adds up the totals of several vitest runs (their JSON reports lie in the folder given) and prints them as one line. Fails
// if a run left no report or ran no test.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
const totals = { passed: 0, failed: 0, skipped: 0 };
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
for (const file of files) {
  const report = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  totals.passed += report.numPassedTests;
  totals.failed += report.numFailedTests;
  // A file that does not even load has no tests to count, and is a failure all the same.
  totals.failed += report.testResults.filter(
    (one) => one.status === 'failed' && one.assertionResults.length === 0,
  ).length;
  totals.skipped += report.numPendingTests + report.numTodoTests;
}
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
