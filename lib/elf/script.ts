// Scripts: a first line `#!INTERPRETER [ARGUMENT]` (execve(2), "Interpreter scripts").

/** Bytes of the first line that the kernel looks at (BINPRM_BUF_SIZE, include/uapi/linux/binfmts.h). */
const LINE = 256;

export interface Shebang {
  readonly interpreter: string;
  readonly argument: string | undefined;
}

/** undefined for anything that is no script. */
export function readShebang(bytes: Buffer): Shebang | undefined {
  if (bytes[0] !== 0x23 || bytes[1] !== 0x21) return undefined;
  const head = bytes.subarray(2, LINE);
  const end = head.indexOf(0x0a);
  const line = head
    .subarray(0, end < 0 ? head.length : end)
    .toString('utf8')
    .trim();
  const match = /^(\S+)(?:[ \t]+(.*))?$/.exec(line);
  return match === null ? undefined : { interpreter: match[1]!, argument: match[2] };
}
