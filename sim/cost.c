/* cost.c -- the cost model and its JSON file (see cost.h). The file is flat: every number of the struct by its name,
 * the five costs of a role as "<role>.<unit>_ps". */
#include "sim/cost.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"

struct field {
  const char *name;
  size_t offset;
  size_t size;
};

#define FIELD(name)                                                                                                    \
  {                                                                                                                    \
#name, offsetof(struct rs_cost, name), sizeof(((struct rs_cost *)0)->name)                                         \
  }
#define WORK(role_name, index, unit)                                                                                   \
  {                                                                                                                    \
#role_name "." #unit,                                                                                              \
        offsetof(struct rs_cost, role) + (index) * sizeof(struct rs_cost_work) + offsetof(struct rs_cost_work, unit),  \
        sizeof(uint64_t)                                                                                               \
  }
#define ROLE(role_name, index)                                                                                         \
  WORK(role_name, index, input_ps), WORK(role_name, index, node_ps), WORK(role_name, index, object_ps),                \
      WORK(role_name, index, send_ps), WORK(role_name, index, byte_ps)

static const struct field fields[] = {
    ROLE(gcs, RS_COST_GCS),
    ROLE(raylet, RS_COST_RAYLET),
    ROLE(driver, RS_COST_DRIVER),
    ROLE(worker, RS_COST_WORKER),
    FIELD(task_ns),
    FIELD(timer_step_ns),
    FIELD(timer_late_ns),
    FIELD(worker_start_ns),
    FIELD(worker_stop_ns),
    FIELD(health_check_ns),
    FIELD(frame_bytes),
    FIELD(local_latency_ns),
    FIELD(local_bytes_per_s),
    FIELD(spin_quantum_ns),
    FIELD(shared_cores),
    FIELD(shared_by_all),
    FIELD(disk_bytes_per_s),
    FIELD(disk_latency_ns),
    FIELD(make_bytes_per_s),
    FIELD(make_large_bytes_per_s),
    FIELD(make_all_bytes_per_s),
    FIELD(make_fresh_bytes_per_s),
    FIELD(make_fresh_large_bytes_per_s),
    FIELD(make_fresh_all_bytes_per_s),
    FIELD(move_bytes_per_s),
    FIELD(move_all_bytes_per_s),
    FIELD(room_bytes_per_s),
    FIELD(room_all_bytes_per_s),
};
enum { FIELD_COUNT = sizeof fields / sizeof *fields };

void rs_cost_zero(struct rs_cost *cost)
{
  memset(cost, 0, sizeof *cost);
}

void rs_cost_defaults(struct rs_cost *cost)
{
  rs_cost_zero(cost);
  for (int r = 0; r < RS_COST_ROLES; r++)
    cost->role[r] = (struct rs_cost_work){
        .input_ps = 2000000, .node_ps = 20000, .object_ps = 50000, .send_ps = 1500000, .byte_ps = 300};
  cost->task_ns = 2000;
  cost->timer_step_ns = RS_MS;
  cost->worker_start_ns = 20 * RS_MS;
  cost->worker_stop_ns = RS_MS;
  cost->health_check_ns = 5000;
  cost->frame_bytes = 74; /* Ethernet, IPv4, TCP with timestamps, our frame of 8 */
  cost->local_latency_ns = 10000;
  cost->local_bytes_per_s = 4000000000;
  cost->spin_quantum_ns = 3 * RS_MS;
  cost->disk_bytes_per_s = 1000000000;
  cost->disk_latency_ns = 100000;
}

uint64_t rs_cost_of(const struct rs_cost *cost, enum rs_cost_role role, const struct rs_work *work, uint64_t bytes)
{
  const struct rs_cost_work *unit = &cost->role[role];
  uint64_t ps = work->inputs * unit->input_ps + work->nodes * unit->node_ps + work->objects * unit->object_ps +
                work->sends * unit->send_ps + bytes * unit->byte_ps;
  return ps / 1000;
}

static uint64_t field_get(const struct rs_cost *cost, const struct field *field)
{
  const char *at = (const char *)cost + field->offset;
  if (field->size == sizeof(uint64_t)) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
  }
  if (field->size == sizeof(uint32_t)) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
  }
  return *(const bool *)at;
}

static bool field_set(struct rs_cost *cost, const struct field *field, uint64_t value)
{
  char *at = (char *)cost + field->offset;
  if (field->size == sizeof(uint64_t)) {
    memcpy(at, &value, sizeof value);
  } else if (field->size == sizeof(uint32_t)) {
    if (value > UINT32_MAX)
      return false;
    uint32_t narrow = (uint32_t)value;
    memcpy(at, &narrow, sizeof narrow);
  } else {
    *(bool *)at = value != 0;
  }
  return true;
}

static const struct field *field_by_name(const char *name)
{
  for (int i = 0; i < FIELD_COUNT; i++)
    if (strcmp(fields[i].name, name) == 0)
      return &fields[i];
  return NULL;
}

/* Names of calibration results and notes, which the simulator does not read. */
static bool is_note(const char *name)
{
  return name[0] == '_';
}

int rs_cost_load(struct rs_cost *cost, const char *path, char *err, size_t err_size)
{
  rs_cost_defaults(cost);
  json_error_t error;
  json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
  if (!root) {
    if (error.line > 0)
      snprintf(err, err_size, "%s:%d: %s; a cost file is one JSON object", path, error.line, error.text);
    else
      snprintf(err, err_size, "%s: %s", path, error.text);
    return -1;
  }
  int result = -1;
  const char *name;
  json_t *value;
  if (!json_is_object(root)) {
    snprintf(err, err_size, "%s:1: a cost file is one JSON object", path);
    goto out;
  }
  json_object_foreach(root, name, value)
  {
    if (is_note(name))
      continue;
    const struct field *field = field_by_name(name);
    if (!field) {
      snprintf(err, err_size, "%s: unknown cost \"%s\"; docs/simulator.md lists them (notes begin with _)", path, name);
      goto out;
    }
    double number = json_is_boolean(value) ? (double)json_is_true(value) : json_number_value(value);
    if ((!json_is_number(value) && !json_is_boolean(value)) || !(number >= 0 && number <= 9e15)) {
      snprintf(err, err_size, "%s: \"%s\" must be a number from 0 to 9e15", path, name);
      goto out;
    }
    if (!field_set(cost, field, (uint64_t)(number + 0.5))) {
      snprintf(err, err_size, "%s: \"%s\" is too large", path, name);
      goto out;
    }
  }
  result = 0;
out:
  json_decref(root);
  return result;
}

int rs_cost_store(const struct rs_cost *cost, const char *path, char *err, size_t err_size)
{
  char temporary[4096];
  int length = snprintf(temporary, sizeof temporary, "%s.tmp", path);
  if (length < 0 || (size_t)length >= sizeof temporary) {
    snprintf(err, err_size, "%s: the name is too long", path);
    return -1;
  }
  json_t *root = json_object();
  for (int i = 0; i < FIELD_COUNT; i++)
    json_object_set_new(root, fields[i].name, json_integer((json_int_t)field_get(cost, &fields[i])));
  int failed = json_dump_file(root, temporary, JSON_INDENT(2));
  json_decref(root);
  if (failed || rename(temporary, path) != 0) {
    snprintf(err, err_size, "%s: cannot be written: %s", path, strerror(errno));
    unlink(temporary);
    return -1;
  }
  return 0;
}
