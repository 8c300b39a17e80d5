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

/* One load in progress. Every step returns false after rs_scenario_fail, whose first message stays. */
struct rs_scenario_reader {
  const char *file;
  char *error;
  size_t error_bytes;
  bool failed;
  uint32_t sweep_line;                       /* of the <sweep> whose value is tried, or 0 */
  const struct rs_scenario_options *options; /* never NULL */
  const struct rs_scenario_names *names;     /* never NULL */
  xmlDocPtr doc;
  xmlDocPtr schema;                   /* scenario.rng as a tree */
  struct rs_scenario_origin *origins; /* of attributes that an override has set */
  uint32_t origin_count, origin_cap;
  struct rs_scenario *out;
};

struct rs_scenario_origin {
  const xmlAttr *attribute;
  const char *by; /* "--set" */
};

/* Writes "file:line: text" (line 0: "file: text"), once. Always false. */
bool rs_scenario_fail(struct rs_scenario_reader *reader, uint32_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same about an attribute: its line and, for one set from outside, who set it. */
bool rs_scenario_fail_at(struct rs_scenario_reader *reader, const xmlAttr *attribute, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same: `name="its value" why`. The element has the attribute. Always false. */
bool rs_scenario_fail_value(struct rs_scenario_reader *reader, const xmlNode *element, const char *name,
                            const char *why);

/* ---- scenario_xml.c ---------------------------------------------------------------------------------------------- */

bool rs_scenario_parse_text(struct rs_scenario_reader *reader, const char *text, size_t bytes);
uint32_t rs_scenario_line(const xmlNode *element); /* where its start tag begins; 0 for one made by an override */
uint32_t rs_scenario_attribute_line(const xmlAttr *attribute); /* where its value begins */
void rs_scenario_set_line(xmlAttr *attribute, uint32_t line);

/* The value of an attribute, or NULL. The text belongs to the tree. */
const char *rs_scenario_get(const xmlNode *element, const char *name);
xmlAttr *rs_scenario_find(const xmlNode *element, const char *name);

/* First and next element child that has this name (NULL: any). */
xmlNode *rs_scenario_child(const xmlNode *element, const char *name);
xmlNode *rs_scenario_next(const xmlNode *element, const char *name);

/* ---- scenario_set.c ---------------------------------------------------------------------------------------------- */

bool rs_scenario_apply_real(struct rs_scenario_reader *reader);
bool rs_scenario_apply_overrides(struct rs_scenario_reader *reader);

/* ---- scenario_schema.c ------------------------------------------------------------------------------------------- */

bool rs_scenario_schema_open(struct rs_scenario_reader *reader); /* parses the schema into reader->schema */
bool rs_scenario_schema_check(struct rs_scenario_reader *reader);
bool rs_scenario_schema_allows_child(const struct rs_scenario_reader *reader, const xmlNode *parent, const char *name);

/* ---- scenario_read.c, scenario_load.c, scenario_check.c ---------------------------------------------------------- */

bool rs_scenario_read(struct rs_scenario_reader *reader);
bool rs_scenario_read_workload(struct rs_scenario_reader *reader, const xmlNode *element,
                               struct rs_scenario_workload *out);
bool rs_scenario_check(struct rs_scenario_reader *reader);

/* Attributes by type; `out` keeps its value where the attribute is not there. Messages come from units.c. */
bool rs_scenario_read_time(struct rs_scenario_reader *reader, const xmlNode *element, const char *name, uint64_t *out);
bool rs_scenario_read_time_limit(struct rs_scenario_reader *reader, const xmlNode *element, const char *name,
                                 uint64_t *out);
bool rs_scenario_read_size(struct rs_scenario_reader *reader, const xmlNode *element, const char *name, uint64_t *out);
/* The value of the attribute must lie within the two texts, such as "1 ms" and "30 d", which the message names; a
 * distribution's must by its constant, its mean or median, or its upper bound. "unlimited" is always within. Call it
 * after the value was read. */
bool rs_scenario_within(struct rs_scenario_reader *reader, const xmlNode *element, const char *name, uint64_t value,
                        const char *low, const char *high);
bool rs_scenario_dist_within(struct rs_scenario_reader *reader, const xmlNode *element, const char *name,
                             const struct rs_dist *dist, const char *low, const char *high);
bool rs_scenario_read_count(struct rs_scenario_reader *reader, const xmlNode *element, const char *name, uint64_t min,
                            uint64_t max, uint64_t *out);
bool rs_scenario_read_count_limit(struct rs_scenario_reader *reader, const xmlNode *element, const char *name,
                                  uint64_t min, uint64_t max, uint64_t *out);
bool rs_scenario_read_number(struct rs_scenario_reader *reader, const xmlNode *element, const char *name, double min,
                             double max, double *out);
bool rs_scenario_read_share(struct rs_scenario_reader *reader, const xmlNode *element, const char *name, double *out);
bool rs_scenario_read_amount(struct rs_scenario_reader *reader, const xmlNode *element, const char *name, int64_t *out);
bool rs_scenario_read_time_dist(struct rs_scenario_reader *reader, const xmlNode *element, const char *name,
                                struct rs_dist *out);
bool rs_scenario_read_size_dist(struct rs_scenario_reader *reader, const xmlNode *element, const char *name,
                                struct rs_dist *out);
bool rs_scenario_read_bool(const xmlNode *element, const char *name);  /* checked by the schema */
char *rs_scenario_read_text(const xmlNode *element, const char *name); /* trimmed copy, or NULL */

/* The path of a file that an attribute names, resolved; it must be readable. NULL after rs_scenario_fail, or when the
 * attribute is not there. */
char *rs_scenario_read_file(struct rs_scenario_reader *reader, const xmlNode *element, const char *name);

/* Reads the resources and labels of <nodes> or <resources>. */
bool rs_scenario_read_extras(struct rs_scenario_reader *reader, const xmlNode *element,
                             struct rs_scenario_resource **resources, uint32_t *resource_count,
                             struct rs_scenario_label **labels, uint32_t *label_count);

/* Is `name` in the list (NULL list: yes)? If not, fails at the attribute: unknown `what`, did you mean. */
bool rs_scenario_known(struct rs_scenario_reader *reader, const xmlAttr *attribute, const char *what, const char *name,
                       const char *const *list);

#endif
