/* scenario_int.h -- what the files of the scenario reader share; not for others.
 *
 * The reader works in steps, each in its own file, and each stops at the first fault:
 *   scenario_xml.c     text -> tree: size, depth, DOCTYPE, well-formedness; remembers the line of every attribute
 *   scenario_set.c     <real> and the overrides, applied on the tree
 *   scenario_schema.c  the tree against the schema: says what is wrong, fills defaults in, then lets libxml2 validate
 *   scenario_read.c    tree -> struct rs_scenario
 *   scenario_load.c    ... its workloads
 *   scenario_check.c   what spans elements: unique names, files, demands that some node can hold
 */
#ifndef RS_SIM_SCENARIO_INT_H
#define RS_SIM_SCENARIO_INT_H

#include <libxml/tree.h>

#include "sim/scenario.h"

/* One load in progress. Every step returns false after scenario_fail, whose first message stays. */
struct scenario_reader {
  const char *file;
  char *error;
  size_t error_bytes;
  bool failed;
  uint32_t sweep_line;                       /* of the <sweep> whose value is tried, or 0 */
  const struct rs_scenario_options *options; /* never NULL */
  const struct rs_scenario_names *names;     /* never NULL */
  xmlDocPtr doc;
  xmlDocPtr schema;                /* scenario.rng as a tree */
  struct scenario_origin *origins; /* of attributes that an override has set */
  uint32_t origin_count, origin_cap;
  struct rs_scenario *out;
};

struct scenario_origin {
  const xmlAttr *attribute;
  const char *by; /* "--set" */
};

/* Writes "file:line: text" (line 0: "file: text"), once. Always false. */
bool scenario_fail(struct scenario_reader *reader, uint32_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same about an attribute: its line and, for one set from outside, who set it. */
bool scenario_fail_at(struct scenario_reader *reader, const xmlAttr *attribute, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- scenario_xml.c ---------------------------------------------------------------------------------------------- */

bool scenario_parse_text(struct scenario_reader *reader, const char *text, size_t bytes);
uint32_t scenario_line(const xmlNode *element); /* where its start tag begins; 0 for one made by an override */
uint32_t scenario_attribute_line(const xmlAttr *attribute); /* where its value begins */
void scenario_set_line(xmlAttr *attribute, uint32_t line);

/* The value of an attribute, or NULL. The text belongs to the tree. */
const char *scenario_get(const xmlNode *element, const char *name);
xmlAttr *scenario_find(const xmlNode *element, const char *name);

/* First and next element child that has this name (NULL: any). */
xmlNode *scenario_child(const xmlNode *element, const char *name);
xmlNode *scenario_next(const xmlNode *element, const char *name);

/* ---- scenario_set.c ---------------------------------------------------------------------------------------------- */

bool scenario_apply_real(struct scenario_reader *reader);
bool scenario_apply_overrides(struct scenario_reader *reader);

/* ---- scenario_schema.c ------------------------------------------------------------------------------------------- */

bool scenario_schema_open(struct scenario_reader *reader); /* parses the schema into reader->schema */
bool scenario_schema_check(struct scenario_reader *reader);
bool scenario_schema_allows_child(const struct scenario_reader *reader, const xmlNode *parent, const char *name);

/* ---- scenario_read.c, scenario_load.c, scenario_check.c ---------------------------------------------------------- */

bool scenario_read(struct scenario_reader *reader);
bool scenario_read_workload(struct scenario_reader *reader, const xmlNode *element, struct rs_scenario_workload *out);
bool scenario_check(struct scenario_reader *reader);

/* Attributes by type; `out` keeps its value where the attribute is not there. Messages come from units.c. */
bool scenario_read_time(struct scenario_reader *reader, const xmlNode *element, const char *name, uint64_t *out);
bool scenario_read_time_limit(struct scenario_reader *reader, const xmlNode *element, const char *name, uint64_t *out);
bool scenario_read_size(struct scenario_reader *reader, const xmlNode *element, const char *name, uint64_t *out);
bool scenario_read_count(struct scenario_reader *reader, const xmlNode *element, const char *name, uint64_t min,
                         uint64_t max, uint64_t *out);
bool scenario_read_count_limit(struct scenario_reader *reader, const xmlNode *element, const char *name, uint64_t min,
                               uint64_t max, uint64_t *out);
bool scenario_read_number(struct scenario_reader *reader, const xmlNode *element, const char *name, double min,
                          double max, double *out);
bool scenario_read_share(struct scenario_reader *reader, const xmlNode *element, const char *name, double *out);
bool scenario_read_amount(struct scenario_reader *reader, const xmlNode *element, const char *name, int64_t *out);
bool scenario_read_time_dist(struct scenario_reader *reader, const xmlNode *element, const char *name,
                             struct rs_dist *out);
bool scenario_read_size_dist(struct scenario_reader *reader, const xmlNode *element, const char *name,
                             struct rs_dist *out);
bool scenario_read_bool(const xmlNode *element, const char *name);  /* checked by the schema */
char *scenario_read_text(const xmlNode *element, const char *name); /* trimmed copy, or NULL */

/* The path of a file that an attribute names, resolved; it must be readable. NULL after scenario_fail, or when the
 * attribute is not there. */
char *scenario_read_file(struct scenario_reader *reader, const xmlNode *element, const char *name);

/* Reads the resources and labels of <nodes> or <resources>. */
bool scenario_read_extras(struct scenario_reader *reader, const xmlNode *element,
                          struct rs_scenario_resource **resources, uint32_t *resource_count,
                          struct rs_scenario_label **labels, uint32_t *label_count);

/* Is `name` in the list (NULL list: yes)? If not, fails at the attribute: unknown `what`, did you mean. */
bool scenario_known(struct scenario_reader *reader, const xmlAttr *attribute, const char *what, const char *name,
                    const char *const *list);

#endif
