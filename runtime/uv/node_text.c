/* node_text.c -- see node_text.h. */
#include "uv/node_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uv/uv.h"

enum { TEXT_MAX = 128 };
_Static_assert(RS_CUSTOM_MAX == 4 && RS_LABEL_MAX == 8, "the texts below say so");

struct pair {
  char name[TEXT_MAX], value[TEXT_MAX];
};

/* Takes the next NAME=VALUE off the text. False: there is none of that form. */
static bool take(const char **text, struct pair *pair)
{
  size_t length = strcspn(*text, ","), name = strcspn(*text, "=");
  if (name == 0 || name >= length || name >= TEXT_MAX || length - name - 1 >= TEXT_MAX || length == name + 1)
    return false;
  memcpy(pair->name, *text, name);
  pair->name[name] = 0;
  memcpy(pair->value, *text + name + 1, length - name - 1);
  pair->value[length - name - 1] = 0;
  *text += length;
  if (**text == ',' && (*text)[1]) /* one at the end stays, and is refused */
    ++*text;
  return true;
}

static const char *read_resources(const char *text, struct rs_res *total)
{
  static const char *const fields[] = {"CPU", "GPU", "memory", "object_store_memory"};
  struct pair pair;
  while (*text) {
    char *end;
    if (!take(&text, &pair))
      return "NAME=AMOUNT,NAME=AMOUNT is wanted";
    for (unsigned i = 0; i < sizeof fields / sizeof *fields; i++)
      if (strcmp(pair.name, fields[i]) == 0)
        return "CPU, GPU, memory and object_store_memory have options of their own";
    double amount = strtod(pair.value, &end);
    if (*end || !(amount >= 0 && amount <= 1e9))
      return "amounts from 0 to 1000000000 are wanted";
    if (amount > 0 && amount < 1.0 / RS_ONE_E4)
      return "0.0001 is the least amount of a resource";
    if (!rs_res_set_custom(total, pair.name, (int64_t)(amount * RS_ONE_E4 + 0.5)))
      return "a node has at most 4 custom resources";
  }
  return NULL;
}

static const char *read_labels(const char *text, struct rs_node_info *info)
{
  struct pair pair;
  while (*text) {
    if (!take(&text, &pair))
      return "KEY=VALUE,KEY=VALUE is wanted";
    if (!rs_node_info_add_label(info, pair.name, pair.value))
      return "a node has at most 8 labels";
  }
  return NULL;
}

struct rs_node_info *rs_node_text_info(const struct rs_node_text *text, const char **option, const char **right)
{
  struct rs_res total = {.cpu_e4 = (int64_t)(text->cpus * RS_ONE_E4 + 0.5),
                         .memory_bytes = (int64_t)text->memory_bytes,
                         .store_bytes = (int64_t)text->store_bytes,
                         .gpu_count = (uint8_t)text->gpus};
  for (int i = 0; i < total.gpu_count; i++)
    total.gpu_e4[i] = RS_ONE_E4;
  *option = "--resources";
  *right = text->resources ? read_resources(text->resources, &total) : NULL;
  if (*right)
    return NULL;
  struct rs_node_info *info = rs_node_info_new(&total);
  info->node_type = UINT32_MAX;
  *option = "--labels";
  *right = text->labels ? read_labels(text->labels, info) : NULL;
  if (!*right)
    return info;
  rs_node_info_unref(info);
  return NULL;
}

void rs_node_text_add_names(const struct rs_node_text *text, const char *session)
{
  const char *const lists[] = {text->resources, text->labels};
  char path[RS_UV_PATH_MAX + 8];
  snprintf(path, sizeof path, "%s/names", session);
  FILE *file = fopen(path, "ae");
  struct pair pair;
  for (unsigned i = 0; file && i < sizeof lists / sizeof *lists; i++)
    for (const char *at = lists[i]; at && *at && take(&at, &pair);)
      fprintf(file, "%016llx %s\n", (unsigned long long)rs_name_hash(pair.name), pair.name);
  if (file)
    fclose(file);
}
