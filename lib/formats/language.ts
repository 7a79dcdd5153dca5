// Our own language as one of the formats, so that convert can name it.

import { dirname, isAbsolute, join } from 'node:path';
import { parsePolicy } from '../policy/language/parse.ts';
import { printPolicy } from '../policy/language/print.ts';
import type { Format } from './format.ts';

export const language: Format = {
  name: 'policy',
  help: "this program's own language",
  read(text, { file, files }) {
    const include = (path: string, from: string) => {
      const wanted = isAbsolute(path) ? path : join(dirname(from), path);
      return { file: wanted, text: files!.text(wanted) };
    };
    const policy = parsePolicy(text, { file, ...(files === undefined ? {} : { include }) });
    return { policy, warnings: [] };
  },
  write(policy) {
    return { text: printPolicy(policy), lost: [] };
  },
};
