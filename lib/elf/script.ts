// Scripts: a first line `#!INTERPRETER [ARGUMENT]` (execve(2), "Interpreter scripts").

/** Bytes of the first line that the kernel looks at (BINPRM_BUF_SIZE, include/uapi/linux/binfmts.h). */
const LINE = 256;

export interface Shebang {
  readonly interpreter: string;
  readonly argument: string | undefined;
}

/** undefined for anything that is no script. As the kernel reads it (fs/binfmt_script.c): the line ends at the first newline or NUL, blanks are
 * spaces and tabs and nothing else, and a name that the limit may have cut is none. */
export function readShebang(bytes: Buffer): Shebang | undefined {
  if (bytes[0] !== 0x23 || bytes[1] !== 0x21) return undefined;
  // Behind a short file the kernel's buffer holds NULs.
  const head = Buffer.alloc(LINE - 2);
  bytes.copy(head, 0, 2, LINE);
  const text = head.toString('latin1');
  const end = text.search(/[\n\0]/);
  // Without an end the last byte gives way to the kernel's own NUL.
  if (end < 0 && !/[^ \t][ \t]/.test(text)) return undefined;
  const line = text.slice(0, end < 0 ? -1 : end);
  const [, interpreter = '', argument] = /^[ \t]*([^ \t]*)(?:[ \t]+(.*?))?[ \t]*$/s.exec(line)!;
  if (interpreter === '' && text[end] !== '\0') return undefined;
  return {
    interpreter: utf8(interpreter),
    argument: argument === undefined || argument === '' ? undefined : utf8(argument),
  };
}

const utf8 = (bytes: string) => Buffer.from(bytes, 'latin1').toString('utf8');
