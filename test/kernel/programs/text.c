// Compares the program's code in memory with its file.

#define _GNU_SOURCE
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char from_file[1 << 20];

static int look(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size;
  int fd = open("/proc/self/exe", O_RDONLY);
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *header = &info->dlpi_phdr[i];
    if (header->p_type != PT_LOAD || (header->p_flags & PF_W)) continue;
    if (pread(fd, from_file, header->p_filesz, (off_t)header->p_offset) != (ssize_t)header->p_filesz) return 2;
    if (memcmp(from_file, (void *)(info->dlpi_addr + header->p_vaddr), header->p_filesz) != 0) return 3;
    ++*(int *)data;
  }
  close(fd);
  // The program itself comes first.
  return 1;
}

int main(void) {
  int segments = 0;
  int result = dl_iterate_phdr(look, &segments);
  puts(result == 1 && segments > 1 ? "text unchanged" : "text changed");
  return 0;
}
