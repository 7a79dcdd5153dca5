// Which function an offset in a file belongs to. The tables of a file are read once; only what is linked dynamically or was
// not stripped has names.

export function symbolAt(_file: string, _offset: number): string | undefined {
  return undefined;
}
