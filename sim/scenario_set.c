/* scenario_set.c -- attributes set from outside: <real>, --set, --seed, the points of a sweep.
 *
 * They are written into the tree before it is checked, so a value means the same wherever it comes from and there is
 * one set of messages. A path names element by element from below <scenario> and ends in an attribute:
 *     @seed   cluster/nodes/@count   cluster/nodes[2]/@cpus   cluster/nodes[big]/@cpus   faults/node_down[@at=5
 * s]/@count It must fit exactly one element. One that is missing and that the schema allows there is made, so that
 * `--set stragglers/@sd=0.5` works on a scenario without stragglers. O(path x children).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sim/scenario_int.h"
#include "sim/units.h"

#define PATH_BYTES_MAX 512

struct setting {
  const char *path, *value, *by; /* by: "--set", or NULL for <set> at `line` */
  uint32_t line;
};

struct step {
  const char *name;
  uint64_t index;              /* [N], 0 = none */
  const char *key, *key_value; /* [@key=value] or [name]; NULL = none */
};

static bool fail_path(struct rs_scenario_reader *reader, const struct setting *setting, const char *text)
{
  if (setting->by && reader->sweep_line && strcmp(setting->by, "sweep") == 0)
    return rs_scenario_fail(reader, reader->sweep_line, "path=\"%.200s\": %s", setting->path, text);
  if (setting->by)
    return rs_scenario_fail(reader, 0, "%s %.200s: %s", setting->by, setting->path, text);
  return rs_scenario_fail(reader, setting->line, "path=\"%.200s\": %s", setting->path, text);
}

/* Cuts the next step off *rest (in place). */
static const char *cut_step(char **rest, struct step *step)
{
  char *at = *rest, *bracket = NULL;
  *step = (struct step){.name = at};
  int depth = 0;
  for (; *at && (*at != '/' || depth); at++) {
    if (*at == '[' && depth++ == 0)
      bracket = at;
    if (*at == ']')
      depth--;
  }
  if (depth != 0)
    return "has an unclosed '['; write for example nodes[2] or nodes[big]";
  *rest = *at ? at + 1 : at;
  bool last = !*at;
  *at = 0;
  if (bracket) {
    if (at[-1] != ']')
      return "has something behind a ']'; write for example cluster/nodes[2]/@count";
    at[-1] = 0;
    *bracket++ = 0;
    char why[RS_UNITS_WHY_BYTES], *equal = strchr(bracket, '=');
    if (*bracket == '@' && equal) {
      *equal = 0;
      step->key = bracket + 1;
      step->key_value = equal + 1;
    } else if (*bracket >= '0' && *bracket <= '9' && !rs_units_count(bracket, &step->index, why, sizeof why)) {
      if (step->index == 0)
        return "counts elements from 1; write [1] for the first";
    } else {
      step->key = "name";
      step->key_value = bracket;
    }
  }
  if (!*step->name)
    return "has an empty step; write for example cluster/nodes/@count";
  if (last && (*step->name != '@' || bracket))
    return "does not end in an attribute; write for example cluster/nodes/@count";
  if (!last && *step->name == '@')
    return "has an attribute before its end; write for example cluster/nodes/@count";
  return NULL;
}

static bool fits(const xmlNode *element, const struct step *step, uint64_t index)
{
  if (step->index)
    return index == step->index;
  if (!step->key)
    return true;
  const char *value = rs_scenario_get(element, step->key);
  return value && strcmp(value, step->key_value) == 0;
}

/* The one child of `parent` that the step means, made if need be; NULL after a failure. */
static xmlNode *descend(struct rs_scenario_reader *reader, const struct setting *setting, xmlNode *parent,
                        const struct step *step)
{
  char text[320];
  xmlNode *found = NULL;
  uint64_t index = 0, count = 0;
  for (xmlNode *at = rs_scenario_child(parent, step->name); at; at = rs_scenario_next(at, step->name))
    if (fits(at, step, ++index)) {
      found = at;
      count++;
    }
  if (count == 1)
    return found;
  if (count > 1) {
    snprintf(text, sizeof text, "fits %llu elements; say which: %.60s[1] or %.60s[NAME]", (unsigned long long)count,
             step->name, step->name);
    fail_path(reader, setting, text);
    return NULL;
  }
  if (step->index || step->key || !rs_scenario_schema_allows_child(reader, parent, step->name)) {
    snprintf(text, sizeof text, "there is no <%.60s>%s in <%.60s>; name an element of the scenario", step->name,
             step->index || step->key ? " of that kind" : "", (const char *)parent->name);
    fail_path(reader, setting, text);
    return NULL;
  }
  xmlNode *made = xmlNewChild(parent, NULL, BAD_CAST step->name, NULL);
  if (made)
    made->_private = (void *)(uintptr_t)setting->line;
  else
    fail_path(reader, setting, "no memory for it; free some");
  return made;
}

static void remember(struct rs_scenario_reader *reader, const xmlAttr *attribute, const char *by)
{
  for (uint32_t i = 0; i < reader->origin_count; i++)
    if (reader->origins[i].attribute == attribute) {
      reader->origins[i].by = by;
      return;
    }
  RS_GROW(reader->origins, reader->origin_count, reader->origin_cap);
  reader->origins[reader->origin_count++] = (struct rs_scenario_origin){attribute, by};
}

static bool apply(struct rs_scenario_reader *reader, const struct setting *setting)
{
  char path[PATH_BYTES_MAX];
  size_t length = strlen(setting->path);
  if (length >= sizeof path)
    return fail_path(reader, setting, "is too long; write for example cluster/nodes/@count");
  if (!xmlCheckUTF8(BAD_CAST setting->value))
    return fail_path(reader, setting, "has a value that is not UTF-8; write text");
  for (const char *at = setting->value; *at; at++)
    if ((unsigned char)*at < ' ' && *at != '\t' && *at != '\n')
      return fail_path(reader, setting, "has a value with control characters; write text");
  memcpy(path, setting->path, length + 1);
  xmlNode *element = xmlDocGetRootElement(reader->doc);
  for (char *rest = path;;) {
    struct step step;
    const char *wrong = cut_step(&rest, &step);
    if (wrong)
      return fail_path(reader, setting, wrong);
    if (*step.name != '@') {
      element = descend(reader, setting, element, &step);
      if (!element)
        return false;
      continue;
    }
    if (xmlValidateNCName(BAD_CAST(step.name + 1), 0) != 0)
      return fail_path(reader, setting, "does not end in an attribute's name; write for example cluster/nodes/@count");
    xmlAttr *attribute = xmlSetProp(element, BAD_CAST(step.name + 1), BAD_CAST setting->value);
    if (!attribute)
      return fail_path(reader, setting, "no memory for it; free some");
    rs_scenario_set_line(attribute, setting->line);
    remember(reader, attribute, setting->by);
    return true;
  }
}

bool rs_scenario_apply_real(struct rs_scenario_reader *reader)
{
  xmlNode *root = xmlDocGetRootElement(reader->doc), *real = rs_scenario_child(root, "real");
  if (!real)
    return true;
  for (xmlNode *at = rs_scenario_child(real, "set"); at; at = rs_scenario_next(at, "set")) {
    struct setting setting = {
        .path = rs_scenario_get(at, "path"), .value = rs_scenario_get(at, "value"), .line = rs_scenario_line(at)};
    if (!setting.path || !setting.value)
      return rs_scenario_fail(reader, setting.line, "<set> needs both path=\"...\" and value=\"...\"");
    if (strncmp(setting.path, "real", 4) == 0 && strchr("/[", setting.path[4]))
      return fail_path(reader, &setting, "changes <real> itself; write the value there");
    if (!apply(reader, &setting))
      return false;
  }
  return true;
}

bool rs_scenario_apply_overrides(struct rs_scenario_reader *reader)
{
  for (size_t i = 0; i < reader->options->override_count; i++) {
    const struct rs_scenario_override *given = &reader->options->overrides[i];
    struct setting setting = {
        .path = given->path, .value = given->value, .by = given->origin ? given->origin : "--set"};
    if (!apply(reader, &setting))
      return false;
  }
  return true;
}

bool rs_scenario_override_split(char *text, struct rs_scenario_override *out)
{
  int depth = 0;
  for (char *at = text; *at; at++) {
    depth += (*at == '[') - (*at == ']');
    if (*at == '=' && depth == 0) {
      *at = 0;
      *out = (struct rs_scenario_override){.path = text, .value = at + 1, .origin = "--set"};
      return at != text;
    }
  }
  return false;
}
