/* text.c -- see text.h. O(length). */
#include "core/text.h"

#include <string.h>

void rs_text_bytes(struct rs_text *text, const void *bytes, size_t count)
{
  size_t room = RS_TEXT_MAX - text->used;
  count = count < room ? count : room;
  if (count)
    memcpy(text->bytes + text->used, bytes, count);
  text->used += (uint32_t)count;
}

void rs_text_str(struct rs_text *text, const char *string)
{
  rs_text_bytes(text, string, strlen(string));
}

void rs_text_number(struct rs_text *text, uint64_t number)
{
  char digits[20];
  size_t first = sizeof digits;
  do
    digits[--first] = (char)('0' + number % 10);
  while (number /= 10);
  rs_text_bytes(text, digits + first, sizeof digits - first);
}

void rs_text_worker(struct rs_text *text, rs_addr worker)
{
  rs_text_str(text, "worker ");
  rs_text_number(text, rs_addr_ep(worker));
  rs_text_str(text, " on node ");
  rs_text_number(text, rs_addr_node(worker));
}

bool rs_text_end(struct rs_text *text, int32_t end)
{
  static const char *const signals[] = {
      [1] = "SIGHUP",   [2] = "SIGINT",   [3] = "SIGQUIT",  [4] = "SIGILL",   [5] = "SIGTRAP",
      [6] = "SIGABRT",  [7] = "SIGBUS",   [8] = "SIGFPE",   [9] = "SIGKILL",  [10] = "SIGUSR1",
      [11] = "SIGSEGV", [12] = "SIGUSR2", [13] = "SIGPIPE", [14] = "SIGALRM", [15] = "SIGTERM",
      [24] = "SIGXCPU", [25] = "SIGXFSZ", [31] = "SIGSYS"}; /* of Linux */
  if (end == RS_PROCESS_RUNS)
    return false;
  if (end >= 0) {
    rs_text_str(text, "exit code ");
    rs_text_number(text, (uint64_t)end);
    return true;
  }
  uint64_t number = (uint64_t) - (int64_t)end;
  rs_text_str(text, "signal ");
  rs_text_number(text, number);
  if (number < sizeof signals / sizeof *signals && signals[number]) {
    rs_text_str(text, " (");
    rs_text_str(text, signals[number]);
    rs_text_str(text, ")");
  }
  return true;
}
