// Findings for code scanning: SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format), the parts that scanners show.

import { type Finding, lintRules } from './lint.ts';

/** `artifact`: the file that findings without a place of their own are about. */
export function sarif(findings: readonly Finding[], artifact: string, version: string): unknown {
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'sandbox-run',
            version,
            rules: lintRules.map(({ id, level, sentence, fix }) => ({
              id,
              shortDescription: { text: sentence },
              help: { text: fix },
              defaultConfiguration: { level },
            })),
          },
        },
        results: findings.map(({ rule, level, message, fix, calls, origin }) => ({
          ruleId: rule,
          ruleIndex: lintRules.findIndex(({ id }) => id === rule),
          level,
          message: { text: `${message}${calls.length === 0 ? '' : ` (${calls.join(', ')})`} Fix: ${fix}.` },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: encodeURI(origin?.place?.file ?? artifact) },
                region: { startLine: origin?.place?.line ?? 1, startColumn: origin?.place?.column ?? 1 },
              },
            },
          ],
        })),
      },
    ],
  };
}
