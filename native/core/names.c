// See names.h. Three steps: the lists become one answer for each number; numbers with equal answers become intervals; the
// intervals become a balanced tree of JGE jumps. The dispatch loads nothing but arch and nr, so that the kernel's bitmap of
// constant answers holds every permitted call.

#include "names.h"

#include <errno.h>
#include <linux/seccomp.h>

#include "nearest.h"
#include "tables.h"
#include "text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define OFFSET_NR 0
#define OFFSET_ARCH 4
#define OFFSET_ARG3 40

#define ENOSYS_ANSWER (SECCOMP_RET_ERRNO | 38)
#define X32_BIT 0x40000000U

/** Sets of numbers: one bit each. */
typedef uint32_t set[SR_GROUP_WORDS];

static int has(const set numbers, unsigned number) { return (numbers[number / 32] >> (number % 32) & 1) != 0; }

static int is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static int is_separator(char c) { return c == ':' || c == ','; }

static int complain(struct sr_message *message, const char *source, const char *what, const char *word, size_t length,
                    const char *advice, const char *advised) {
  sr_append(message, source);
  sr_append(message, ": ");
  sr_append(message, what);
  // Control characters in a message could steer the terminal.
  for (size_t i = 0; i < length && i < 64; i++) {
    char text[2] = {(unsigned char)word[i] < 32 || word[i] == 127 ? '?' : word[i], '\0'};
    sr_append(message, text);
  }
  sr_append(message, "\n  ");
  sr_append(message, advice);
  sr_append(message, advised);
  sr_append(message, "\n");
  return -EINVAL;
}

static int unknown_name(const char *source, const char *word, size_t length, struct sr_message *message) {
  struct sr_nearest best = {.word = word, .length = length};
  if (word[0] == '@') {
    for (size_t i = 0; i < COUNT(sr_groups); i++) sr_nearest_try(&best, sr_groups[i].name);
  } else {
    for (size_t i = 0; i < COUNT(sr_calls); i++) sr_nearest_try(&best, sr_calls[i].name);
  }
  const char *what = word[0] == '@' ? "there is no group " : "there is no system call ";
  if (best.name != NULL) return complain(message, source, what, word, length, "did you mean ", best.name);
  for (size_t i = 0; i < length; i++) {
    if (word[i] == '(' || is_blank(word[i]))
      return complain(message, source, "only names, groups and numbers are understood here: ", word, length,
                      "for more, make a launcher with sandbox-run pack, or start it with sandbox-run", "");
  }
  return complain(message, source, what, word, length, "names are those of syscalls(2), groups begin with @", "");
}

static int add_word(set numbers, const char *source, const char *word, size_t length, struct sr_message *message) {
  if (word[0] == '@') {
    for (size_t i = 0; i < COUNT(sr_groups); i++) {
      if (!sr_is(word, length, sr_groups[i].name)) continue;
      for (size_t w = 0; w < SR_GROUP_WORDS; w++) numbers[w] |= sr_groups[i].numbers[w];
      return 0;
    }
    return unknown_name(source, word, length, message);
  }
  if (word[0] == '#') {
    unsigned number = 0;
    int good = length > 1;
    for (size_t i = 1; i < length && good; i++) {
      good = word[i] >= '0' && word[i] <= '9' && number <= SR_NEWEST;
      if (good) number = number * 10 + (unsigned)(word[i] - '0');
    }
    if (!good || number > SR_NEWEST)
      return complain(message, source, "not the number of a known call: ", word, length,
                      "give its name; for newer calls use sandbox-run", "");
    numbers[number / 32] |= 1U << (number % 32);
    return 0;
  }
  for (size_t i = 0; i < COUNT(sr_calls); i++) {
    if (!sr_is(word, length, sr_calls[i].name)) continue;
    unsigned number = sr_calls[i].number;
    if (number != SR_ELSEWHERE) numbers[number / 32] |= 1U << (number % 32);
    return 0;
  }
  return unknown_name(source, word, length, message);
}

/** `read:write, @basic-io`: blanks around words are tolerated, empty words are not. */
static int read_list(set numbers, const char *source, const char *text, struct sr_message *message) {
  const char *at = text;
  while (is_blank(*at)) at++;
  if (*at == '\0')
    return complain(message, source, "the list of calls is empty", "", 0, "name at least one call, for example read:write", "");
  for (;;) {
    while (is_blank(*at)) at++;
    size_t length = 0;
    while (at[length] != '\0' && !is_separator(at[length])) length++;
    size_t end = length;
    while (end > 0 && is_blank(at[end - 1])) end--;
    if (end == 0)
      return complain(message, source, "a name is missing between two separators, or at the end", "", 0, "remove the extra separator", "");
    int result = add_word(numbers, source, at, end, message);
    if (result != 0) return result;
    at += length;
    if (*at == '\0') return 0;
    at++;
  }
}

static const char action_variable[] = "SECCOMP_DEFAULT_ACTION";

/** Blanks around it are no part of it. */
static int read_action(const char *text, uint32_t *action, struct sr_message *message) {
  static const struct {
    char name[12];
    uint32_t action;
  } actions[] = {
      {"log", SECCOMP_RET_LOG},
      {"kill", SECCOMP_RET_KILL_PROCESS},
      {"kill-thread", SECCOMP_RET_KILL_THREAD},
      {"trap", SECCOMP_RET_TRAP},
      {"errno", SECCOMP_RET_ERRNO | 1},
  };
  size_t length = sr_length(text);
  for (size_t i = 0; i < COUNT(actions); i++) {
    if (!sr_is(text, length, actions[i].name)) continue;
    *action = actions[i].action;
    return 0;
  }
  if (sr_begins(text, "errno:")) {
    const char *name = text + 6;
    while (is_blank(*name)) name++;
    size_t size = sr_length(name);
    while (size > 0 && is_blank(name[size - 1])) size--;
    for (size_t i = 0; i < COUNT(sr_errnos); i++) {
      if (!sr_is(name, size, sr_errnos[i].name)) continue;
      *action = SECCOMP_RET_ERRNO | sr_errnos[i].number;
      return 0;
    }
    unsigned number = 0;
    int good = size > 0 && size < 5;
    for (size_t i = 0; i < size && good; i++) {
      good = name[i] >= '0' && name[i] <= '9';
      number = number * 10 + (unsigned)(name[i] - '0');
    }
    if (good && number <= 4095) {
      *action = SECCOMP_RET_ERRNO | number;
      return 0;
    }
  }
  return complain(message, action_variable, "not an action: ", text, length,
                  "expected one of log, kill, kill-thread, trap, errno, errno:NAME", "");
}

/** An answer is a SECCOMP_RET_ value, or with GATE one that stands behind the cookie. The data of an errno is at most 4095. */
#define GATE 0x8000U

struct interval {
  uint32_t start;
  uint32_t answer;
};

struct partition {
  struct interval list[SR_NEWEST + 8];
  size_t count;
};

static void cut(struct partition *partition, uint32_t start, uint32_t answer) {
  if (partition->count > 0 && partition->list[partition->count - 1].answer == answer) return;
  partition->list[partition->count++] = (struct interval){start, answer};
}

#define GATE_SIZE 14
#define FARTHEST 255

static size_t leaf_size(uint32_t answer) { return answer & GATE ? GATE_SIZE : 1; }

static size_t tree_size(const struct interval *list, size_t count) {
  if (count == 1) return leaf_size(list[0].answer);
  size_t left = tree_size(list, count / 2);
  return (left > FARTHEST ? 2 : 1) + left + tree_size(list + count / 2, count - count / 2);
}

static void emit(struct sr_named_filter *filter, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k) {
  filter->program[filter->length++] = (struct sock_filter){code, jt, jf, k};
}

static void emit_leaf(struct sr_named_filter *filter, uint32_t answer) {
  if (answer & GATE) {
    // Six words of the cookie; the first wrong one leads to the refusal at the end.
    for (unsigned word = 0; word < SR_COOKIE_WORDS; word++) {
      emit(filter, BPF_LD | BPF_W | BPF_ABS, 0, 0, OFFSET_ARG3 + 4 * word);
      filter->marks[2 * filter->pairs] = filter->length;
      filter->marks[2 * filter->pairs + 1] = word;
      filter->pairs++;
      emit(filter, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(2 * (SR_COOKIE_WORDS - 1 - word) + 1), 0);
    }
    emit(filter, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
  }
  emit(filter, BPF_RET | BPF_K, 0, 0, answer & ~GATE);
}

static void emit_tree(struct sr_named_filter *filter, const struct interval *list, size_t count) {
  if (count == 1) {
    emit_leaf(filter, list[0].answer);
    return;
  }
  size_t half = count / 2, left = tree_size(list, half);
  if (left <= FARTHEST) {
    emit(filter, BPF_JMP | BPF_JGE | BPF_K, (uint8_t)left, 0, list[half].start);
  } else {
    emit(filter, BPF_JMP | BPF_JGE | BPF_K, 0, 1, list[half].start);
    emit(filter, BPF_JMP | BPF_JA, 0, 0, (uint32_t)left);
  }
  emit_tree(filter, list, half);
  emit_tree(filter, list + half, count - half);
}

static const char allow_variable[] = "SECCOMP_SYSCALL_ALLOW";
static const char deny_variable[] = "SECCOMP_SYSCALL_DENY";

struct sr_lists sr_lists_of(char *const *environment) {
  return (struct sr_lists){.allow = sr_variable(environment, "SECCOMP_SYSCALL_ALLOW="),
                           .deny = sr_variable(environment, "SECCOMP_SYSCALL_DENY="),
                           .action = sr_variable(environment, "SECCOMP_DEFAULT_ACTION=")};
}

int sr_lists_given(const struct sr_lists *lists) {
  return lists->allow != NULL || lists->deny != NULL || lists->action != NULL;
}

int sr_compile_names(const struct sr_lists *lists, const uint16_t *gates, size_t gate_count, struct sr_named_filter *filter,
                     struct sr_message *message) {
  set allowed = {0}, denied = {0};
  uint32_t refusal = SECCOMP_RET_KILL_PROCESS;
  int result;
  filter->length = 0;
  filter->pairs = 0;
  if (lists->action != NULL && (result = read_action(lists->action, &refusal, message)) != 0) return result;
  if (lists->allow == NULL && lists->deny == NULL)
    return complain(message, action_variable, "there is no list that it could be about", "", 0,
                    "set SECCOMP_SYSCALL_ALLOW or SECCOMP_SYSCALL_DENY", "");
  if (lists->allow != NULL && (result = read_list(allowed, allow_variable, lists->allow, message)) != 0) return result;
  if (lists->deny != NULL && (result = read_list(denied, deny_variable, lists->deny, message)) != 0) return result;

  // A deny list alone permits the rest; otherwise the rest is refused. A call that is newer than the table is none to a C
  // library where it would be refused, so that the library does without it.
  uint32_t rest = lists->allow == NULL ? SECCOMP_RET_ALLOW : refusal;
  uint32_t unknown = rest == SECCOMP_RET_ALLOW || rest == SECCOMP_RET_LOG ? rest : ENOSYS_ANSWER;
  static struct partition partition;
  partition.count = 0;
  for (unsigned number = 0; number <= SR_NEWEST; number++) {
    uint32_t answer = has(denied, number) ? refusal : has(allowed, number) ? SECCOMP_RET_ALLOW : rest;
    if (answer != SECCOMP_RET_ALLOW) {
      for (size_t i = 0; i < gate_count; i++) {
        if (gates[i] == number) answer |= GATE;
      }
    }
    cut(&partition, number, answer);
  }
  cut(&partition, SR_NEWEST + 1, unknown);
  if (SR_TABLE_HAS_X32) {
    cut(&partition, X32_BIT, SECCOMP_RET_KILL_PROCESS);
    // -1 is no call at all, and no x32 one.
    cut(&partition, 0xffffffff, unknown);
  }
  emit(filter, BPF_LD | BPF_W | BPF_ABS, 0, 0, OFFSET_ARCH);
  emit(filter, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SR_TABLE_ARCH);
  emit(filter, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS);
  emit(filter, BPF_LD | BPF_W | BPF_ABS, 0, 0, OFFSET_NR);
  // Each number an interval, each with a jump and perhaps a far one, and the gates.
  if (4 + tree_size(partition.list, partition.count) > SR_NAMES_MOST || gate_count * SR_COOKIE_WORDS > SR_NAMES_MARKS)
    return complain(message, allow_variable, "the lists make too long a filter", "", 0, "name fewer calls", "");
  emit_tree(filter, partition.list, partition.count);
  return 0;
}
