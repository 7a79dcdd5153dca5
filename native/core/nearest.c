// See nearest.h. Damerau's distance: insertions, deletions, substitutions, neighbours swapped.

#include "nearest.h"

#include "text.h"

#define LONGEST 31

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }

static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length) {
  unsigned rows[3][LONGEST + 1];
  for (size_t column = 0; column <= b_length; column++) rows[0][column] = (unsigned)column;
  for (size_t row = 1; row <= a_length; row++) {
    unsigned *now = rows[row % 3], *last = rows[(row + 2) % 3], *before = rows[(row + 1) % 3];
    now[0] = (unsigned)row;
    for (size_t column = 1; column <= b_length; column++) {
      unsigned cost = least(least(last[column], now[column - 1]) + 1, last[column - 1] + (a[row - 1] != b[column - 1]));
      if (row > 1 && column > 1 && a[row - 1] == b[column - 2] && a[row - 2] == b[column - 1])
        cost = least(cost, before[column - 2] + 1);
      now[column] = cost;
    }
  }
  return rows[a_length % 3][b_length];
}

void sr_nearest_try(struct sr_nearest *best, const char *name) {
  size_t length = sr_length(name);
  if (best->length > LONGEST || length > LONGEST) return;
  unsigned limit = least(3, best->length / 3 > 1 ? (unsigned)best->length / 3 : 1);
  unsigned slips = distance(best->word, best->length, name, length);
  if (slips > limit) return;
  if (best->name == NULL || slips < best->distance) {
    best->name = name;
    best->distance = slips;
  }
}
