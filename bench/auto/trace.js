// What strace saw, held against a policy: every call with the values of its argument registers.

import { evaluate } from '../../dist/lib/index.js';

/** Calls of a log of `strace -f -qq -e raw=all -e signal=none` that the policy does not permit from exec on, each once. What a
 * phase of main says is left out: a log does not tell where main begins. */
export function refusedCalls(policy, log) {
  const { main: _, ...whole } = policy;
  const refused = new Set();
  for (const { name, args } of callsIn(log)) {
    if (evaluate(whole, { call: name, args }).kind === 'allow') continue;
    refused.add(`${name}(${args.map((one) => `0x${one.toString(16)}`).join(', ')})`);
  }
  return [...refused];
}

/** Every call but the first execve, which is strace's own way into the program. */
function callsIn(log) {
  const seen = new Map();
  let isFirst = true;
  for (const [, name, list] of log.matchAll(/^\d+ +([a-z_0-9]+)\(([^)<=]*)/gm)) {
    if (name === 'execve' && isFirst) {
      isFirst = false;
      continue;
    }
    const args = list.match(/0x[0-9a-f]+|\b0\b/g)?.map(BigInt) ?? [];
    while (args.length < 6) args.push(0n);
    // strace has a name of its own for this one.
    seen.set(`${name} ${args.join()}`, { name: name.replace(/^umount$/, 'umount2'), args });
  }
  return seen.values();
}
