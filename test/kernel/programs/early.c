// A program that ends in a constructor.

#include <unistd.h>

__attribute__((constructor)) static void constructor(void) { _exit(7); }

int main(void) { return 8; }
