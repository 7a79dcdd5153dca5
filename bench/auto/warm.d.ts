export interface WarmStarts {
  readonly command: string;
  /** In ms: the start that analyses, then the medians of the others. */
  readonly first: number;
  readonly bare: number;
  readonly plain: number;
  readonly warm: number;
  readonly more: number;
}
export function warmStarts(commands: readonly (readonly string[])[], rounds: number): readonly WarmStarts[];
export function warmTable(): void;
