/* Every file of tests/sim/bad_scenarios is refused with exactly the line that messages.txt has for it, and every line
 * there names a file; then the inputs that are too large to be files. */
#include "check.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim/scenario.h"

#define FOLDER RS_SOURCE_DIR "/tests/sim/bad_scenarios"

static const char *const policies[] = {"hybrid", "spread", "random", "pack", "locality", NULL};
static const char *const schedulers[] = {"fifo", "asha", "asha-stopping", "sha", "hyperband", NULL};
static const char *const functions[] = {"f", NULL};
static const char *const configs[] = {"health_check_period_ms", "trace_level", NULL};

static int config_check(void *user, const char *name, const char *value, char *why, size_t why_bytes)
{
  CHECK_STR(name, "health_check_period_ms");
  CHECK(user == (void *)configs);
  if (strspn(value, "0123456789") == strlen(value))
    return 0;
  snprintf(why, why_bytes, "is no whole number; write one from 1 to 86400000");
  return -1;
}

static const struct rs_scenario_names names = {policies, schedulers, functions, configs, config_check, (void *)configs};
static const struct rs_scenario_options options = {.names = &names};

/* The line of messages.txt that begins with "file:"; cut at its end, in `out`. */
static bool find_message(const char *messages, const char *file, char *out, size_t bytes)
{
  size_t length = strlen(file);
  for (const char *at = messages; *at; at += strcspn(at, "\n") + (at[strcspn(at, "\n")] == '\n')) {
    size_t end = strcspn(at, "\n");
    if (strncmp(at, file, length) == 0 && at[length] == ':') {
      snprintf(out, bytes, "%.*s", (int)end, at);
      return true;
    }
  }
  return false;
}

static void test_files(void)
{
  static char messages[65536];
  char wanted[RS_SCENARIO_ERROR_BYTES], error[RS_SCENARIO_ERROR_BYTES];
  CHECK(chdir(FOLDER) == 0);
  FILE *file = fopen("messages.txt", "r");
  CHECK(file != NULL);
  messages[fread(messages, 1, sizeof messages - 1, file)] = 0;
  fclose(file);
  int files = 0, lines = 0;
  for (const char *at = messages; *at; at++)
    lines += *at == '\n';
  DIR *folder = opendir(".");
  CHECK(folder != NULL);
  for (struct dirent *entry; (entry = readdir(folder));) {
    const char *dot = strrchr(entry->d_name, '.');
    if (!dot || strcmp(dot, ".xml") != 0)
      continue;
    files++;
    if (!find_message(messages, entry->d_name, wanted, sizeof wanted))
      printf("\n    messages.txt has no line for %s\n", entry->d_name);
    CHECK(find_message(messages, entry->d_name, wanted, sizeof wanted));
    snprintf(error, sizeof error, "accepted %s", entry->d_name);
    struct rs_scenario *scenario = rs_scenario_load(entry->d_name, &options, error, sizeof error);
    CHECK_STR(error, wanted);
    CHECK(scenario == NULL);
  }
  closedir(folder);
  CHECK_EQ(files, lines);
}

static const char head[] = "<scenario name=\"a\"><cluster><nodes name=\"n\" count=\"2\"/>";
static const char tail[] = "</cluster><tasks count=\"1\" duration=\"1 s\"/></scenario>";

/* head, then `count` times `part`, then tail. */
static char *repeat(const char *part, size_t count, size_t *bytes)
{
  size_t length = strlen(part);
  char *text = malloc(sizeof head + sizeof tail + count * length), *at = text;
  CHECK(text != NULL);
  memcpy(at, head, sizeof head - 1);
  at += sizeof head - 1;
  for (size_t i = 0; i < count; i++, at += length)
    memcpy(at, part, length);
  memcpy(at, tail, sizeof tail);
  *bytes = (size_t)(at - text) + sizeof tail - 1;
  return text;
}

static void refuse_repeated(const char *part, size_t count, const char *wanted)
{
  char error[RS_SCENARIO_ERROR_BYTES] = "accepted";
  size_t bytes;
  char *text = repeat(part, count, &bytes);
  CHECK(rs_scenario_parse(text, bytes, "x.xml", &options, error, sizeof error) == NULL);
  CHECK_STR(error, wanted);
  free(text);
}

static void test_size(void)
{
  refuse_repeated("          ", 200000,
                  "x.xml: the file is larger than 1 MiB; a scenario names its data files instead");
  char error[RS_SCENARIO_ERROR_BYTES];
  size_t bytes;
  char *text = repeat("\n", 500000, &bytes); /* under the limit: lines are counted past 65535 */
  memcpy(text + bytes - strlen("></scenario>") - 2, "x", 1);
  CHECK(rs_scenario_parse(text, bytes, "x.xml", &options, error, sizeof error) == NULL);
  CHECK(strncmp(error, "x.xml:500001: ", 14) == 0);
  free(text);
}

static void test_nesting(void)
{
  refuse_repeated("<a>", 50000, "x.xml:1: elements are nested more than 16 deep; a scenario needs 4");
}

static void test_many_elements(void)
{
  refuse_repeated("<nodes name=\"n\" count=\"1\"/>", 2000,
                  "x.xml:1: name=\"n\" names two node types; give each its own name");
}

static void test_long_attribute(void)
{
  char error[RS_SCENARIO_ERROR_BYTES];
  char *text = malloc(900000);
  CHECK(text != NULL);
  int at = sprintf(text, "<scenario name=\"a\"><cluster><nodes name=\"n\" count=\"");
  memset(text + at, '9', 800000);
  at += 800000;
  at += sprintf(text + at, "\"/></cluster><tasks count=\"1\" duration=\"1 s\"/></scenario>");
  CHECK(rs_scenario_parse(text, (size_t)at, "x.xml", &options, error, sizeof error) == NULL);
  CHECK_STR(error,
            "x.xml:1: count=\"999999999999999999999999999999999999999999999999999999999999...\" is too large; at "
            "most 9223372036854775807");
  free(text);
}

static void test_files_that_are_none(void)
{
  char error[RS_SCENARIO_ERROR_BYTES];
  CHECK(rs_scenario_load("none.xml", &options, error, sizeof error) == NULL);
  CHECK_STR(error, "none.xml: there is no such file, or it cannot be read; name a scenario such as scenarios/asha.xml");
  CHECK(rs_scenario_load("/tmp", &options, error, sizeof error) == NULL);
  CHECK_STR(error, "/tmp: it cannot be read; name a file, not a folder");
  CHECK(rs_scenario_load("none.xml", &options, NULL, 0) == NULL); /* no buffer: no message */
  CHECK(rs_scenario_load("none.xml", &options, error, 9) == NULL);
  CHECK_STR(error, "none.xml");
}

const struct rs_test rs_tests[] = {{"files", test_files},
                                   {"size", test_size},
                                   {"nesting", test_nesting},
                                   {"many_elements", test_many_elements},
                                   {"long_attribute", test_long_attribute},
                                   {"files_that_are_none", test_files_that_are_none},
                                   {0}};
