/* scenario_schema.c -- the tree against the schema that ships, in the author's words.
 *
 * scenarios/scenario.rng is the one description of what may stand where: this file walks it as a tree, finds the first
 * fault, says what would be right (with the nearest name that exists), and writes the schema's default for every
 * attribute that was left out. Values are read by units.c according to the name of their type. Then libxml2 validates
 * the completed tree against the same schema; it can only disagree if this walk has a gap, and then its verdict counts.
 *
 * The walk understands the subset of RELAX NG that the schema is written in: <element>, <attribute> and <ref> below
 * <optional>, <zeroOrMore>, <oneOrMore>, <choice>, <interleave>; types are references to "type.*" or a <choice> of
 * <value>s. O(elements x attributes of the schema's element), no allocation that outlives a call.
 */
#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sim/scenario_int.h"
#include "sim/units.h"

#define NAMES_MAX 64

bool rs_scenario_schema_open(struct rs_scenario_reader *reader)
{
  size_t bytes;
  const char *text = rs_scenario_schema(&bytes);
  reader->schema = xmlReadMemory(text, (int)bytes, "scenario.rng", NULL,
                                 XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOBLANKS);
  if (!reader->schema)
    return rs_scenario_fail(reader, 0, "the built-in schema cannot be read; the program was built from a broken one");
  return true;
}

/* ---- The schema's own tree --------------------------------------------------------------------------------------- */

static bool is(const xmlNode *node, const char *name)
{
  return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

static const xmlNode *find_define(const struct rs_scenario_reader *reader, const char *name)
{
  for (const xmlNode *at = xmlDocGetRootElement(reader->schema)->children; at; at = at->next)
    if (is(at, "define") && strcmp(rs_scenario_get(at, "name"), name) == 0)
      return at;
  return NULL;
}

/* The <element> that a definition begins with, or NULL when it holds something else (a type, a group). */
static const xmlNode *define_element(const struct rs_scenario_reader *reader, const char *name)
{
  const xmlNode *define = find_define(reader, name);
  return define ? rs_scenario_child(define, "element") : NULL;
}

/* a:defaultValue, the one attribute with a namespace in the schema. */
static const char *default_value(const xmlNode *attribute)
{
  for (const xmlAttr *at = attribute->properties; at; at = at->next)
    if (at->ns && strcmp((const char *)at->name, "defaultValue") == 0)
      return at->children ? (const char *)at->children->content : "";
  return NULL;
}

struct content { /* what an <element> of the schema allows */
  const xmlNode *attributes[NAMES_MAX];
  bool attribute_required[NAMES_MAX];
  const xmlNode *children[NAMES_MAX]; /* <element>s */
  bool child_required[NAMES_MAX], child_repeats[NAMES_MAX];
  const char *one_of[NAMES_MAX + 1]; /* members of a required choice; at least one must be there */
  uint32_t attribute_count, child_count, one_of_count;
};

static void collect(const struct rs_scenario_reader *reader, const xmlNode *schema, bool required, bool repeats,
                    bool choice, struct content *out)
{
  for (const xmlNode *at = schema->children; at; at = at->next) {
    if (is(at, "attribute") && out->attribute_count < NAMES_MAX) {
      out->attribute_required[out->attribute_count] = required;
      out->attributes[out->attribute_count++] = at;
    } else if (is(at, "optional")) {
      collect(reader, at, false, repeats, choice, out);
    } else if (is(at, "zeroOrMore")) {
      collect(reader, at, false, true, choice, out);
    } else if (is(at, "oneOrMore")) {
      collect(reader, at, required, true, choice, out);
    } else if (is(at, "choice")) {
      collect(reader, at, required, repeats, true, out);
    } else if (is(at, "interleave") || is(at, "group")) {
      collect(reader, at, required, repeats, choice, out);
    } else if (is(at, "ref")) {
      const char *name = rs_scenario_get(at, "name");
      const xmlNode *element = define_element(reader, name);
      if (!element) { /* a named group */
        const xmlNode *define = find_define(reader, name);
        if (define)
          collect(reader, define, required, repeats, choice, out);
      } else if (out->child_count < NAMES_MAX) {
        out->child_required[out->child_count] = required && !choice;
        out->child_repeats[out->child_count] = repeats;
        out->children[out->child_count++] = element;
        if (required && choice)
          out->one_of[out->one_of_count++] = rs_scenario_get(element, "name");
      }
    }
  }
}

static const xmlNode *content_child(const struct content *content, const char *name)
{
  for (uint32_t i = 0; i < content->child_count; i++)
    if (strcmp(rs_scenario_get(content->children[i], "name"), name) == 0)
      return content->children[i];
  return NULL;
}

/* The schema's <element> for an element of the tree: found from the root downwards. */
static const xmlNode *schema_of(const struct rs_scenario_reader *reader, const xmlNode *element)
{
  if (!element->parent || element->parent->type != XML_ELEMENT_NODE)
    return define_element(reader, "scenario");
  const xmlNode *parent = schema_of(reader, element->parent);
  if (!parent)
    return NULL;
  struct content content = {0};
  collect(reader, parent, true, false, false, &content);
  return content_child(&content, (const char *)element->name);
}

bool rs_scenario_schema_allows_child(const struct rs_scenario_reader *reader, const xmlNode *parent, const char *name)
{
  const xmlNode *schema = schema_of(reader, parent);
  if (!schema)
    return false;
  struct content content = {0};
  collect(reader, schema, true, false, false, &content);
  return content_child(&content, name) != NULL;
}

/* ---- Messages ---------------------------------------------------------------------------------------------------- */

/* Writes "; did you mean X?" or "; FRONT a, b, c" into out. `open` and `close` surround each name. */
static void advise(const char *word, const char *const *names, const char *open, const char *close, const char *front,
                   char *out, size_t bytes)
{
  const char *near = rs_units_nearest(word, names);
  if (near) {
    snprintf(out, bytes, "; did you mean %s%s%s?", open, near, close);
    return;
  }
  int length = snprintf(out, bytes, "; %s", front);
  for (int i = 0; names[i] && length > 0 && (size_t)length < bytes; i++)
    length += snprintf(out + length, bytes - (size_t)length, "%s %s%s%s", i ? "," : "", open, names[i], close);
}

/* The element that may hold one called `name`, or NULL. */
static const char *home_of(const struct rs_scenario_reader *reader, const char *name)
{
  for (const xmlNode *at = xmlDocGetRootElement(reader->schema)->children; at; at = at->next) {
    const xmlNode *element = is(at, "define") ? rs_scenario_child(at, "element") : NULL;
    struct content content = {0};
    if (element)
      collect(reader, element, true, false, false, &content);
    if (content_child(&content, name))
      return rs_scenario_get(element, "name");
  }
  return NULL;
}

static bool unknown_element(struct rs_scenario_reader *reader, const xmlNode *element, const struct content *content)
{
  char hint[600];
  if (element->ns)
    return rs_scenario_fail(reader, rs_scenario_line(element),
                            "<%.40s> stands in an XML namespace; scenarios use none, remove the prefix or xmlns",
                            (const char *)element->name);
  const char *names[NAMES_MAX + 1];
  uint32_t count = 0;
  for (uint32_t i = 0; i < content->child_count; i++)
    names[count++] = rs_scenario_get(content->children[i], "name");
  names[count] = NULL;
  const char *home = home_of(reader, (const char *)element->name);
  if (count == 0)
    snprintf(hint, sizeof hint, "; it has attributes only");
  else if (!rs_units_nearest((const char *)element->name, names) && home)
    snprintf(hint, sizeof hint, "; that one belongs into <%s>", home);
  else
    advise((const char *)element->name, names, "<", ">", "it may hold", hint, sizeof hint);
  return rs_scenario_fail(reader, rs_scenario_line(element), "<%.40s> has no element <%.60s>%s",
                          (const char *)element->parent->name, (const char *)element->name, hint);
}

static bool unknown_attribute(struct rs_scenario_reader *reader, const xmlAttr *attribute,
                              const struct content *content)
{
  char hint[600];
  const char *names[NAMES_MAX + 1];
  uint32_t count = 0;
  for (uint32_t i = 0; i < content->attribute_count; i++)
    names[count++] = rs_scenario_get(content->attributes[i], "name");
  names[count] = NULL;
  if (count == 0)
    snprintf(hint, sizeof hint, "; it has none");
  else
    advise((const char *)attribute->name, names, "", "", "it has", hint, sizeof hint);
  return rs_scenario_fail_at(reader, attribute, "<%.40s> has no attribute %.60s%s",
                             (const char *)attribute->parent->name, (const char *)attribute->name, hint);
}

bool rs_scenario_known(struct rs_scenario_reader *reader, const xmlAttr *attribute, const char *what, const char *name,
                       const char *const *list)
{
  char hint[600];
  if (!list)
    return true;
  for (uint32_t i = 0; list[i]; i++)
    if (strcmp(list[i], name) == 0)
      return true;
  advise(name, list, "\"", "\"", "use one of", hint, sizeof hint);
  return rs_scenario_fail_at(reader, attribute, "%s=\"%.60s\" is no %s%s", (const char *)attribute->name, name, what,
                             hint);
}

/* ---- Values ------------------------------------------------------------------------------------------------------ */

static int check_name(const char *text, char *why, size_t why_bytes)
{
  size_t length = strlen(text);
  if (length == 0 || length > 100 ||
      strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") != length) {
    snprintf(why, why_bytes, "is no name; use up to 100 letters, digits, '_', '.' and '-'");
    return -1;
  }
  return 0;
}

/* Reads a value of the named type only to find out whether it can be read. */
static int check_type(const char *type, const char *text, char *why, size_t n)
{
  union {
    uint64_t u;
    int64_t i;
    double d;
    struct rs_dist dist;
    struct rs_scenario_arrival arrival;
    enum rs_graph_kind graph;
  } v;
  if (strcmp(type, "name") == 0)
    return check_name(text, why, n);
  if (strcmp(type, "time") == 0)
    return rs_units_time(text, &v.u, why, n);
  if (strcmp(type, "time_limit") == 0)
    return rs_units_time_limit(text, &v.u, why, n);
  if (strcmp(type, "size") == 0)
    return rs_units_size(text, &v.u, why, n);
  if (strcmp(type, "bandwidth") == 0)
    return rs_units_bandwidth(text, &v.u, why, n);
  if (strcmp(type, "rate") == 0)
    return rs_units_rate(text, &v.d, why, n);
  if (strcmp(type, "share") == 0)
    return rs_units_share(text, &v.d, why, n);
  if (strcmp(type, "count") == 0)
    return rs_units_count(text, &v.u, why, n);
  if (strcmp(type, "count_limit") == 0)
    return rs_units_count_limit(text, &v.u, why, n);
  if (strcmp(type, "amount") == 0)
    return rs_units_amount(text, &v.i, why, n);
  if (strcmp(type, "cpus") == 0)
    return strcmp(text, "host") == 0 ? 0 : rs_units_amount(text, &v.i, why, n);
  if (strcmp(type, "number") == 0) {
    if (rs_units_number(text, &v.d, why, n))
      return -1;
    if (v.d >= 0)
      return 0;
    snprintf(why, n, "must not be negative; write 0 or more");
    return -1;
  }
  if (strcmp(type, "time_dist") == 0)
    return rs_units_time_dist(text, &v.dist, why, n);
  if (strcmp(type, "size_dist") == 0)
    return rs_units_size_dist(text, &v.dist, why, n);
  if (strcmp(type, "arrival") == 0)
    return rs_units_arrival(text, &v.arrival, why, n);
  if (strcmp(type, "graph") == 0) {
    uint64_t width, window;
    return rs_units_graph(text, &v.graph, &width, &window, why, n);
  }
  if (strcmp(type, "space") == 0) {
    struct rs_scenario_param param = {0};
    int result = rs_units_space(text, &param, why, n);
    for (uint32_t i = 0; i < param.value_count; i++)
      free(param.values[i]);
    free(param.values);
    free(param.numbers);
    return result;
  }
  if (strcmp(type, "list") == 0) {
    char **values;
    uint32_t count;
    int result = rs_units_list(text, &values, &count, why, n);
    for (uint32_t i = 0; i < count; i++)
      free(values[i]);
    free(values);
    return result;
  }
  if (strcmp(type, "bool") == 0) {
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
      return 0;
    snprintf(why, n, "is neither; write \"true\" or \"false\"");
    return -1;
  }
  if (strcmp(type, "file") == 0 && !*text) {
    snprintf(why, n, "is empty; write the name of a file");
    return -1;
  }
  return 0; /* text, file, path: whatever follows checks them */
}

static int check_choice(const xmlNode *choice, const char *text, char *why, size_t why_bytes)
{
  const char *names[NAMES_MAX + 1];
  uint32_t count = 0;
  for (const xmlNode *at = rs_scenario_child(choice, "value"); at && count < NAMES_MAX;
       at = rs_scenario_next(at, "value")) {
    names[count] = at->children ? (const char *)at->children->content : "";
    if (strcmp(names[count++], text) == 0)
      return 0;
  }
  names[count] = NULL;
  int length = snprintf(why, why_bytes, "is none of its values");
  advise(text, names, "\"", "\"", "use one of", why + length, why_bytes - (size_t)length);
  return -1;
}

/* Trims the value in place: blanks around a value mean nothing, and the readers need not care. */
static const char *trim(xmlAttr *attribute)
{
  const char *value = rs_scenario_get(attribute->parent, (const char *)attribute->name);
  size_t begin = strspn(value, " \t\r\n"), length = strlen(value);
  while (length > begin && strchr(" \t\r\n", value[length - 1]))
    length--;
  if (begin == 0 && !value[length])
    return value;
  xmlChar *copy = xmlStrndup(BAD_CAST value + begin, (int)(length - begin));
  xmlSetProp(attribute->parent, attribute->name, copy); /* same attribute, new text */
  xmlFree(copy);
  return rs_scenario_get(attribute->parent, (const char *)attribute->name);
}

static bool check_value(struct rs_scenario_reader *reader, xmlAttr *attribute, const xmlNode *schema)
{
  char why[RS_UNITS_WHY_BYTES];
  const char *text = trim(attribute);
  const xmlNode *type = rs_scenario_child(schema, NULL);
  int result = 0;
  if (type && is(type, "ref")) {
    const char *name = rs_scenario_get(type, "name");
    result = check_type(strncmp(name, "type.", 5) == 0 ? name + 5 : name, text, why, sizeof why);
  } else if (type && is(type, "choice")) {
    result = check_choice(type, text, why, sizeof why);
  }
  if (result == 0)
    return true;
  int shown = (int)strcspn(text, "\n");
  return rs_scenario_fail_at(reader, attribute, "%s=\"%.*s%s\" %s", (const char *)attribute->name,
                             shown < 60 ? shown : 60, text, shown < (int)strlen(text) || shown > 60 ? "..." : "", why);
}

/* ---- The walk ---------------------------------------------------------------------------------------------------- */

static bool check_attributes(struct rs_scenario_reader *reader, xmlNode *element, const struct content *content)
{
  for (xmlAttr *at = element->properties; at; at = at->next) {
    const xmlNode *schema = NULL;
    for (uint32_t i = 0; i < content->attribute_count && !at->ns; i++)
      if (strcmp(rs_scenario_get(content->attributes[i], "name"), (const char *)at->name) == 0)
        schema = content->attributes[i];
    if (!schema)
      return unknown_attribute(reader, at, content);
    if (!check_value(reader, at, schema))
      return false;
  }
  for (uint32_t i = 0; i < content->attribute_count; i++) {
    const char *name = rs_scenario_get(content->attributes[i], "name"), *value;
    if (rs_scenario_find(element, name))
      continue;
    if (content->attribute_required[i])
      return rs_scenario_fail(reader, rs_scenario_line(element), "<%.40s> needs the attribute %s; write %s=\"...\"",
                              (const char *)element->name, name, name);
    value = default_value(content->attributes[i]);
    if (value)
      xmlNewProp(element, BAD_CAST name, BAD_CAST value);
  }
  return true;
}

static bool check_children(struct rs_scenario_reader *reader, const xmlNode *element, const struct content *content)
{
  for (uint32_t i = 0; i < content->child_count; i++) {
    const char *name = rs_scenario_get(content->children[i], "name");
    const xmlNode *first = rs_scenario_child(element, name), *second = first ? rs_scenario_next(first, name) : NULL;
    if (!first && content->child_required[i])
      return rs_scenario_fail(reader, rs_scenario_line(element), "<%.40s> needs an element <%s>; add it",
                              (const char *)element->name, name);
    if (second && !content->child_repeats[i])
      return rs_scenario_fail(reader, rs_scenario_line(second),
                              "a second <%s> in <%.40s>; keep one (the first is on line %u)", name,
                              (const char *)element->name, rs_scenario_line(first));
  }
  bool any = content->one_of_count == 0;
  for (uint32_t i = 0; i < content->one_of_count; i++)
    any = any || rs_scenario_child(element, content->one_of[i]);
  if (any)
    return true;
  char all[200] = "";
  for (uint32_t i = 0; i < content->one_of_count; i++) {
    size_t length = strlen(all);
    snprintf(all + length, sizeof all - length, "%s<%s>", i ? ", " : "", content->one_of[i]);
  }
  return rs_scenario_fail(reader, rs_scenario_line(element), "<%.40s> needs at least one of %s; add one",
                          (const char *)element->name, all);
}

static bool check_text(struct rs_scenario_reader *reader, const xmlNode *element)
{
  for (const xmlNode *at = element->children; at; at = at->next) {
    if (at->type != XML_TEXT_NODE && at->type != XML_CDATA_SECTION_NODE)
      continue;
    const char *text = (const char *)at->content;
    size_t begin = strspn(text, " \t\r\n");
    if (text[begin])
      return rs_scenario_fail(reader, rs_scenario_line(element),
                              "<%.40s> holds the text \"%.20s\"; values stand in attributes, remarks in <!-- -->",
                              (const char *)element->name, text + begin);
  }
  return true;
}

static bool check_element(struct rs_scenario_reader *reader, xmlNode *element, const xmlNode *schema)
{
  struct content content = {0};
  collect(reader, schema, true, false, false, &content);
  for (xmlNode *at = rs_scenario_child(element, NULL); at; at = rs_scenario_next(at, NULL))
    if (at->ns || !content_child(&content, (const char *)at->name))
      return unknown_element(reader, at, &content);
  if (!check_attributes(reader, element, &content) || !check_text(reader, element) ||
      !check_children(reader, element, &content))
    return false;
  for (xmlNode *at = rs_scenario_child(element, NULL); at; at = rs_scenario_next(at, NULL))
    if (!check_element(reader, at, content_child(&content, (const char *)at->name)))
      return false;
  return true;
}

/* ---- libxml2's verdict ------------------------------------------------------------------------------------------- */

struct verdict {
  int line;
  char text[200];
};

static void on_invalid(void *data, xmlErrorPtr error)
{
  struct verdict *verdict = data;
  if (verdict->text[0])
    return;
  verdict->line = error->line;
  snprintf(verdict->text, sizeof verdict->text, "%s", error->message ? error->message : "invalid");
  verdict->text[strcspn(verdict->text, "\n")] = 0;
}

/* libxml2 follows both branches of every <optional> attribute: 2^n states for n of them. In the completed tree those
 * with a default are all there, so for this check they can be required ones, which cost nothing. */
static void require_defaulted(xmlNode *schema)
{
  for (xmlNode *at = rs_scenario_child(schema, NULL), *next; at; at = next) {
    next = rs_scenario_next(at, NULL);
    xmlNode *attribute = is(at, "optional") ? rs_scenario_child(at, "attribute") : NULL;
    if (attribute && default_value(attribute)) {
      xmlUnlinkNode(attribute);
      xmlReplaceNode(at, attribute);
      xmlFreeNode(at);
    } else {
      require_defaulted(at);
    }
  }
}

static bool validate(struct rs_scenario_reader *reader)
{
  struct verdict verdict = {0};
  bool valid = false;
  require_defaulted(xmlDocGetRootElement(reader->schema));
  xmlRelaxNGParserCtxtPtr parser = xmlRelaxNGNewDocParserCtxt(reader->schema);
  if (!parser)
    return rs_scenario_fail(reader, 0, "no memory for the schema; free some");
  xmlRelaxNGSetParserStructuredErrors(parser, on_invalid, &verdict);
  xmlRelaxNGPtr schema = xmlRelaxNGParse(parser);
  xmlRelaxNGValidCtxtPtr context = schema ? xmlRelaxNGNewValidCtxt(schema) : NULL;
  if (context) {
    xmlRelaxNGSetValidStructuredErrors(context, on_invalid, &verdict);
    valid = xmlRelaxNGValidateDoc(context, reader->doc) == 0;
    xmlRelaxNGFreeValidCtxt(context);
  }
  xmlRelaxNGFree(schema);
  xmlRelaxNGFreeParserCtxt(parser);
  if (valid)
    return true;
  return rs_scenario_fail(reader, verdict.line > 0 ? (uint32_t)verdict.line : 0,
                          "the schema does not allow this (%s); see docs/scenario.md", verdict.text);
}

/* An element that is left out means the same as one without attributes: made here, its defaults get filled in. */
static void add_missing(xmlNode *parent, const char *name)
{
  if (!rs_scenario_child(parent, name))
    xmlNewChild(parent, NULL, BAD_CAST name, NULL);
}

bool rs_scenario_schema_check(struct rs_scenario_reader *reader)
{
  xmlNode *root = xmlDocGetRootElement(reader->doc);
  if (root->ns || strcmp((const char *)root->name, "scenario") != 0)
    return rs_scenario_fail(reader, rs_scenario_line(root),
                            "the file holds <%.40s>; a scenario is <scenario name=\"...\">", (const char *)root->name);
  add_missing(root, "policies");
  add_missing(root, "outputs");
  xmlNode *cluster = rs_scenario_child(root, "cluster");
  if (cluster && !rs_scenario_find(cluster, "platform"))
    add_missing(cluster, "network");
  return check_element(reader, root, define_element(reader, "scenario")) && validate(reader);
}
