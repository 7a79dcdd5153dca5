// Looking things up in sorted lists, which every part of a file's reading and analysis does.

/** Index of the first of `length` sorted elements that no longer is before what is looked for; `length`: all are. */
export function firstFrom(length: number, isBefore: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
