/* curve_model_file.c -- the file of a curve model: JSON, one array a line, five significant digits.
 *
 * Reading checks everything that a draw relies on, so that a draw needs no checks: sizes, finite numbers, knots that
 * increase from 1 to the last epoch, weights and shares in their ranges.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/maths.h"
#include "sim/curve_model_int.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FORMAT "raysim curve model 1"

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

struct reader {
  const char *path;
  char *error;
  size_t error_bytes;
  json_t *root;
  int failed; /* the first message stands */
};

static void __attribute__((format(printf, 2, 3))) fail(struct reader *reader, const char *format, ...)
{
  if (reader->failed++)
    return;
  int used = snprintf(reader->error, reader->error_bytes, "%s: ", reader->path);
  if (used < 0 || (size_t)used >= reader->error_bytes)
    return;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reader->error + used, reader->error_bytes - (size_t)used, format, arguments);
  va_end(arguments);
}

static double number_in(struct reader *reader, const json_t *object, const char *key, double min, double max)
{
  const json_t *value = json_object_get(object, key);
  double number = json_number_value(value);
  if (!json_is_number(value) || !(number >= min && number <= max))
    fail(reader, "\"%s\" is missing or out of range; wanted a number from %g to %g", key, min, max);
  return number;
}

static uint32_t count_in(struct reader *reader, const json_t *object, const char *key, uint32_t min, uint32_t max)
{
  const json_t *value = json_object_get(object, key);
  json_int_t number = json_integer_value(value);
  if (!json_is_integer(value) || number < min || number > max) {
    fail(reader, "\"%s\" is missing or out of range; wanted a whole number from %u to %u", key, min, max);
    return min;
  }
  return (uint32_t)number;
}

static uint32_t size_in(struct reader *reader, const char *key, uint32_t min, uint32_t max)
{
  size_t size = json_array_size(json_object_get(reader->root, key));
  if (size < min || size > max) {
    fail(reader, "\"%s\" is missing or has %zu elements; wanted an array of %u to %u", key, size, min, max);
    return min;
  }
  return (uint32_t)size;
}

static void fill(struct reader *reader, const json_t *array, const char *key, double *out, uint32_t count)
{
  if (json_array_size(array) != count) {
    fail(reader, "\"%s\" is missing or has %zu numbers in a row; wanted %u", key, json_array_size(array), count);
    return;
  }
  for (uint32_t i = 0; i < count; i++) {
    const json_t *value = json_array_get(array, i);
    out[i] = json_number_value(value);
    if (!json_is_number(value) || !rs_is_finite(out[i]) || out[i] < -1e6 || out[i] > 1e6)
      fail(reader, "\"%s\": element %u is not a number of at most a million", key, i);
  }
}

static void read_array(struct reader *reader, const char *key, double *out, uint32_t count)
{
  fill(reader, json_object_get(reader->root, key), key, out, count);
}

static void read_components(struct reader *reader, struct rs_curve_model *model)
{
  uint32_t dimensions = model->knot_count + 2;
  double total = 0;
  for (uint32_t i = 0; i < model->component_count; i++) {
    struct rs_curve_component *component = &model->components[i];
    const json_t *object = json_array_get(json_object_get(reader->root, "components"), i);
    component->weight = number_in(reader, object, "weight", 0, 1);
    total += component->weight;
    fill(reader, json_object_get(object, "mean"), "mean", component->mean, dimensions);
    double packed[RS_CURVE_DIMENSIONS_MAX * (RS_CURVE_DIMENSIONS_MAX + 1) / 2] = {0};
    fill(reader, json_object_get(object, "factor"), "factor", packed, dimensions * (dimensions + 1) / 2);
    for (uint32_t row = 0, at = 0; row < dimensions; row++)
      for (uint32_t column = 0; column <= row; column++)
        component->factor[row][column] = packed[at++];
  }
  if (!(total > 0.999 && total < 1.001))
    fail(reader, "the weights of \"components\" add up to %g; wanted 1", total);
}

/* A burst is a row: the epoch at which it diverged, the last log loss before, the log losses at the knots before. */
static void read_bursts(struct reader *reader, struct rs_curve_model *model)
{
  for (uint32_t i = 0; i < model->burst_count; i++) {
    struct rs_curve_burst *burst = &model->bursts[i];
    const json_t *row = json_array_get(json_object_get(reader->root, "bursts"), i);
    json_int_t epoch = json_integer_value(json_array_get(row, 0));
    if (epoch < 2 || epoch > model->epochs) {
      fail(reader, "\"bursts\": row %u does not begin with an epoch from 2 to %u", i, model->epochs);
      return;
    }
    burst->diverged_epoch = (uint32_t)epoch;
    uint32_t knots = 0;
    while (knots < model->knot_count && model->knots[knots] < burst->diverged_epoch)
      knots++;
    double values[RS_CURVE_KNOTS_MAX + 2] = {0};
    fill(reader, row, "bursts", values, knots + 2);
    burst->last = values[1];
    memcpy(burst->log_loss, values + 2, knots * sizeof *values);
  }
}

static void read_rest(struct reader *reader, struct rs_curve_model *model)
{
  for (uint32_t k = 0; k < model->knot_count; k++) {
    json_int_t knot = json_integer_value(json_array_get(json_object_get(reader->root, "knots"), k));
    json_int_t above = k ? model->knots[k - 1] : 0;
    if (knot <= above || knot > model->epochs || (k == 0 && knot != 1) ||
        (k + 1 == model->knot_count && knot != model->epochs)) {
      fail(reader, "\"knots\": wanted epochs that increase from 1 to %u", model->epochs);
      return;
    }
    model->knots[k] = (uint32_t)knot;
  }
  read_components(reader, model);
  model->grid_low = number_in(reader, reader->root, "grid_low", -100, 0);
  model->grid_step = number_in(reader, reader->root, "grid_step", 1e-6, 100);
  const json_t *log_loss = json_object_get(reader->root, "log_loss");
  if (json_array_size(log_loss) != model->epochs)
    fail(reader, "\"log_loss\" has %zu rows; wanted one an epoch, %u", json_array_size(log_loss), model->epochs);
  for (uint32_t i = 0; i < model->epochs; i++)
    fill(reader, json_array_get(log_loss, i), "log_loss", model->log_loss + (size_t)i * model->grid_count,
         model->grid_count);
  read_array(reader, "log_spread", model->log_spread, model->grid_count);
  read_array(reader, "log_seconds", model->log_seconds, model->grid_count);
  read_array(reader, "noise_profile", model->noise_profile, model->epochs);
  read_array(reader, "jitter", model->jitter, model->jitter_count);
  model->seconds_mean = number_in(reader, reader->root, "seconds_mean", 1e-12, 1e12);
  model->diverged_fraction = number_in(reader, reader->root, "diverged_fraction", 0, 1);
  model->diverged_at_once = number_in(reader, reader->root, "diverged_at_once", 0, 1);
  read_bursts(reader, model);
  model->diverged_seconds_mean = number_in(reader, reader->root, "diverged_seconds_mean", -100, 100);
  model->diverged_seconds_deviation = number_in(reader, reader->root, "diverged_seconds_deviation", 0, 100);
}

struct rs_curve_model *rs_curve_model_load(const char *path, char *error, size_t error_bytes)
{
  RS_ASSERT(path && error && error_bytes > 0);
  struct reader reader = {.path = path, .error = error, .error_bytes = error_bytes};
  error[0] = '\0';
  FILE *file = fopen(path, "rb");
  if (!file) {
    fail(&reader, "cannot open the curve model: %s", strerror(errno));
    return NULL;
  }
  json_error_t wrong;
  reader.root = json_loadf(file, JSON_REJECT_DUPLICATES, &wrong);
  fclose(file);
  if (!reader.root) {
    snprintf(error, error_bytes, "%s:%d: not a curve model: %s; wanted the JSON that fit_curves writes", path,
             wrong.line, wrong.text);
    return NULL;
  }
  const char *format = json_string_value(json_object_get(reader.root, "format"));
  struct rs_curve_model *model = NULL;
  if (!format || strcmp(format, FORMAT) != 0) {
    fail(&reader, "\"format\" is %s%.40s%s; wanted \"" FORMAT "\", as fit_curves writes it", format ? "\"" : "",
         format ? format : "missing", format ? "\"" : "");
  } else {
    uint32_t epochs = count_in(&reader, reader.root, "epochs", 2, RS_CURVE_EPOCHS_MAX);
    uint32_t knots = size_in(&reader, "knots", 2, RS_CURVE_KNOTS_MAX);
    uint32_t components = size_in(&reader, "components", 1, RS_CURVE_COMPONENTS_MAX);
    uint32_t grid = size_in(&reader, "log_spread", 2, RS_CURVE_GRID_MAX);
    uint32_t jitter = size_in(&reader, "jitter", 1, RS_CURVE_GRID_MAX);
    uint32_t burst = size_in(&reader, "bursts", 0, RS_CURVE_GRID_MAX);
    if (!reader.failed) {
      model = rs_curve_model_new(epochs, knots, components, grid, jitter, burst);
      read_rest(&reader, model);
    }
  }
  json_decref(reader.root);
  if (reader.failed) {
    rs_curve_model_free(model);
    return NULL;
  }
  rs_curve_model_prepare(model);
  return model;
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

static void write_row(FILE *file, const double *values, uint32_t count)
{
  fputc('[', file);
  for (uint32_t i = 0; i < count; i++)
    fprintf(file, i ? ",%.5g" : "%.5g", values[i]);
  fputc(']', file);
}

static void write_array(FILE *file, const char *key, const double *values, uint32_t count)
{
  fprintf(file, ",\n\"%s\": ", key);
  write_row(file, values, count);
}

int rs_curve_model_save(const struct rs_curve_model *model, const char *path, const char *about, char *error,
                        size_t error_bytes)
{
  FILE *file = fopen(path, "wb");
  if (!file) {
    snprintf(error, error_bytes, "%s: cannot write the curve model: %s", path, strerror(errno));
    return -1;
  }
  json_t *text = json_string(about);
  char *quoted = json_dumps(text, JSON_ENCODE_ANY);
  fprintf(file, "{\n\"format\": \"" FORMAT "\",\n\"about\": %s,\n\"epochs\": %u,\n\"knots\": [",
          quoted ? quoted : "\"\"", model->epochs);
  free(quoted);
  json_decref(text);
  for (uint32_t k = 0; k < model->knot_count; k++)
    fprintf(file, k ? ",%u" : "%u", model->knots[k]);
  fputs("],\n\"components\": [", file);
  uint32_t dimensions = model->knot_count + 2;
  for (uint32_t i = 0; i < model->component_count; i++) {
    const struct rs_curve_component *component = &model->components[i];
    fprintf(file, "%s\n {\"weight\": %.6g, \"mean\": ", i ? "," : "", component->weight);
    write_row(file, component->mean, dimensions);
    double packed[RS_CURVE_DIMENSIONS_MAX * (RS_CURVE_DIMENSIONS_MAX + 1) / 2];
    uint32_t at = 0;
    for (uint32_t row = 0; row < dimensions; row++)
      for (uint32_t column = 0; column <= row; column++)
        packed[at++] = component->factor[row][column];
    fputs(",\n  \"factor\": ", file);
    write_row(file, packed, at);
    fputc('}', file);
  }
  fprintf(file, "],\n\"grid_low\": %.6g,\n\"grid_step\": %.6g,\n\"log_loss\": [", model->grid_low, model->grid_step);
  for (uint32_t i = 0; i < model->epochs; i++) {
    fputs(i ? ",\n " : "\n ", file);
    write_row(file, model->log_loss + (size_t)i * model->grid_count, model->grid_count);
  }
  fputc(']', file);
  write_array(file, "log_spread", model->log_spread, model->grid_count);
  write_array(file, "log_seconds", model->log_seconds, model->grid_count);
  write_array(file, "noise_profile", model->noise_profile, model->epochs);
  write_array(file, "jitter", model->jitter, model->jitter_count);
  fprintf(file, ",\n\"seconds_mean\": %.5g", model->seconds_mean);
  fprintf(file, ",\n\"diverged_fraction\": %.6g", model->diverged_fraction);
  fprintf(file, ",\n\"diverged_at_once\": %.6g,\n\"bursts\": [", model->diverged_at_once);
  for (uint32_t i = 0; i < model->burst_count; i++) {
    const struct rs_curve_burst *burst = &model->bursts[i];
    fprintf(file, "%s\n [%u,%.5g", i ? "," : "", burst->diverged_epoch, burst->last);
    for (uint32_t k = 0; k < model->knot_count && model->knots[k] < burst->diverged_epoch; k++)
      fprintf(file, ",%.5g", burst->log_loss[k]);
    fputc(']', file);
  }
  fputc(']', file);
  fprintf(file, ",\n\"diverged_seconds_mean\": %.5g,\n\"diverged_seconds_deviation\": %.5g\n}\n",
          model->diverged_seconds_mean, model->diverged_seconds_deviation);
  int bad = ferror(file);
  bad |= fclose(file);
  if (bad) {
    snprintf(error, error_bytes, "%s: cannot write the curve model: %s", path, strerror(errno));
    return -1;
  }
  return 0;
}
