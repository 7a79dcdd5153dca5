// Compiled filters as files: the raw `struct sock_filter` array that bwrap --seccomp and minijail --seccomp-bpf-binary read, and
// a C header with it. What reading one means is in raw.ts. Source: include/uapi/linux/filter.h. Programs are proved before they are written, as always.

import { compile, encodeAll } from '../compiler/compile.ts';
import { CompileError } from '../errors.ts';
import type { Policy } from '../policy/model.ts';
import type { Format, WriteOptions } from './format.ts';
import { lostMain } from './plan.ts';
import { isRaw, readRaw } from './raw.ts';

export const bpf: Format = {
  name: 'bpf',
  help: 'raw sock_filter array, as bwrap --seccomp reads it',
  detectBytes: (bytes) => isRaw(bytes),
  readBytes: (bytes, { file, abi }) => readRaw(bytes, file, abi),
  write(policy, options) {
    const [only, more] = encodeAll(programsOf(policy, options), options.abis[0]);
    if (only === undefined || more !== undefined) {
      throw new CompileError('the policy needs more than one filter, and a raw file holds one', {
        advice: 'use --to c-header, and install its filters one after the other',
      });
    }
    return { text: only, lost: lostMain(policy) };
  },
};

export const cHeader: Format = {
  name: 'c-header',
  help: 'C header with the compiled filter as struct sock_filter arrays',
  write(policy, options) {
    const name = options.name.replace(/\W/g, '_').replace(/^(?=\d)/, '_') || 'filter';
    const guard = `${name.toUpperCase()}_H`;
    const arrays = programsOf(policy, options).map((program, index) => {
      const rows = program.map(
        ({ code, jt, jf, k }) => `  {0x${code.toString(16)}, ${jt}, ${jf}, 0x${k.toString(16)}},\n`,
      );
      return `static const struct sock_filter ${name}_filter${index === 0 ? '' : index}[] = {\n${rows.join('')}};\n`;
    });
    const head = `/* Install each with seccomp(2) SECCOMP_SET_MODE_FILTER, in this order, after PR_SET_NO_NEW_PRIVS. */\n`;
    return {
      text: `#ifndef ${guard}\n#define ${guard}\n\n#include <linux/filter.h>\n\n${head}${arrays.join('\n')}\n#endif\n`,
      lost: lostMain(policy),
    };
  },
};

function programsOf(policy: Policy, options: WriteOptions) {
  return compile(policy, { abis: options.abis });
}
