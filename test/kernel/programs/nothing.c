// A library that does nothing.

int nothing(void);
int nothing(void) { return 0; }
