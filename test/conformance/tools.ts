// What the conformance tests need from outside. A tool that is missing is named with its package; where all must be there
// (SANDBOX_RUN_REQUIRE_TOOLS, as in .ci/run) that is a failure.

import { spawnSync } from 'node:child_process';

/** Why these cannot be tried here; undefined if they can. Tools as `command (Debian package)`. */
export function missing(what: string, tools: readonly string[], needsRoot = false): string | undefined {
  const lacking = tools.filter(
    (tool) => spawnSync('sh', ['-c', `command -v ${tool.split(' ')[0]}`]).status !== 0,
  );
  if (needsRoot && process.getuid?.() !== 0) lacking.push('root');
  if (lacking.length === 0) return undefined;
  const message = `not tried: ${what}; it needs ${lacking.join(', ')}`;
  if (process.env.SANDBOX_RUN_REQUIRE_TOOLS !== undefined) throw new Error(message);
  console.warn(message);
  return message;
}
