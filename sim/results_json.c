#include "sim/results_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "sim/results_out.h"

json_t *rs_json_number(double value)
{
  return isfinite(value) ? json_real(value) : json_null();
}

json_t *rs_json_count(uint64_t value)
{
  return value <= INT64_MAX ? json_integer((json_int_t)value) : json_real((double)value);
}

json_t *rs_json_text(const char *text)
{
  json_t *value = json_string(text);
  if (value)
    return value;
  char *copy = rs_memdup(text, strlen(text) + 1);
  for (char *c = copy; *c; c++)
    if ((unsigned char)*c >= 0x80)
      *c = '?';
  value = json_string(copy);
  free(copy);
  return value;
}

int rs_json_write(const char *dir, const char *name, const json_t *json, char *err, size_t err_size)
{
  char *text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(12) | JSON_ENSURE_ASCII);
  struct rs_out out;
  rs_out_open(&out, dir, name, RS_OUT_PLAIN);
  rs_out_text(&out, text);
  rs_out_char(&out, '\n');
  free(text);
  return rs_out_close(&out, err, err_size);
}

json_t *rs_json_read(const char *dir, const char *name, char *err, size_t err_size)
{
  json_error_t error;
  char *path = rs_out_path(dir, name);
  json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
  if (!json && error.line > 0)
    snprintf(err, err_size, "%s:%d: not a raysim result: %s", path, error.line, error.text);
  else if (!json)
    snprintf(err, err_size, "%s: not a raysim result: %s", path, error.text);
  free(path);
  return json;
}

double rs_json_value(const json_t *object, const char *key)
{
  const json_t *value = json_object_get(object, key);
  return json_is_number(value) ? json_number_value(value) : NAN;
}
