/* A small network program with two faults on purpose: it copies a name of any length into 32 bytes, so that a client can
 * write over the pointer behind them; and it tells an address, which defeats address randomisation. Never use this for
 * anything but the demonstration: it listens on the loopback alone, and serves until it is told to stop. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct session {
  char name[32];
  int (*greet)(const char *name);
};

static FILE *client;

static int greet(const char *name) { return fprintf(client, "hello %s\n", name); }

int main(void) {
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
  socklen_t size = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 4) != 0) return 1;
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    struct session *session = calloc(1, sizeof *session);
    char line[256] = "";
    client = fdopen(fd, "r+");
    session->greet = greet;
    fprintf(client, "listen is at %p; your name?\n", (void *)listen); /* the second fault */
    fflush(client);
    ssize_t length = read(fd, line, sizeof line - 1);
    if (length <= 0 || strcmp(line, "stop\n") == 0) return 0;
    memcpy(session->name, line, (size_t)length); /* the first fault */
    session->greet(session->name);
    fclose(client);
    free(session);
  }
}
