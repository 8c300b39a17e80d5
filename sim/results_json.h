/* results_json.h -- small helpers over jansson for result files. Not thread-safe; values are new references. */
#ifndef RS_SIM_RESULTS_JSON_H
#define RS_SIM_RESULTS_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

json_t *rs_json_number(double value); /* null for what is no finite number */
json_t *rs_json_count(uint64_t value);
json_t *rs_json_text(const char *text); /* bytes that are no UTF-8 become '?' */

/* Indented, ASCII only, reals with 12 digits, keys in the order of insertion: same values, same bytes. */
int rs_json_write(const char *dir, const char *name, const json_t *json, char *err, size_t err_size);

/* Reads dir/name; NULL with a message. */
json_t *rs_json_read(const char *dir, const char *name, char *err, size_t err_size);

/* object[key] as a number; NaN when it is missing or null. */
double rs_json_value(const json_t *object, const char *key);

#endif
