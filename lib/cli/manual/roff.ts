// The man(7) language, as far as our pages use it: plain text into lines that mean just that text.

/** Which version a page is of, and of which day: YYYY-MM-DD. */
export interface Edition {
  readonly version: string;
  readonly date: string;
}

export function titled(
  name: string,
  section: number,
  { version, date }: Edition,
  kind: string,
): readonly string[] {
  return [`.TH ${roff(name.toUpperCase())} ${section} ${date} "sandbox\\-run ${version}" "${kind}"`];
}

/** The page's text. A heading begins a paragraph by itself. */
export function finished(all: readonly string[]): string {
  const kept = all.filter((one, at) => one !== '.P' || !/^\.S[HS]/.test(all[at - 1] ?? ''));
  return `${kept.join('\n')}\n`;
}

export function section(name: string, ...paragraphs: readonly string[]): readonly string[] {
  return [`.SH ${name}`, ...paragraphs.flatMap((text, at) => [...(at === 0 ? [] : ['.P']), ...lines(text)])];
}

/** A text as it stands, indented. */
export function verbatim(text: readonly string[]): readonly string[] {
  return ['.P', '.RS 4', '.EX', ...text.map(line), '.EE', '.RE'];
}

/** A sentence a line, as man-pages(7) has it. */
export function lines(text: string): readonly string[] {
  return text.split(/(?<=[.:]) (?=[A-Z])/).map(line);
}

/** A line that begins with what roff takes for a request is none. */
export function line(text: string): string {
  return roff(text).replace(/^(?=[.'])/, '\\&');
}

/** A backslash and a hyphen mean something; what is not ASCII has to be named. */
export function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replace(
      /[^\0-\x7f]/gu,
      (one) => `\\[u${one.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`,
    );
}
