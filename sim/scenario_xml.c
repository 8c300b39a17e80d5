/* scenario_xml.c -- from text to a tree, with nothing that an XML file could do beyond describing itself.
 *
 * A DOCTYPE is refused at its first character, before anything in it is read: without one there are no entities to
 * expand and no external files to fetch. Depth is capped while parsing. libxml2's messages are rewritten in terms of
 * what the author typed. libxml2 gives an element the line where its start tag ends; authors look for the line where an
 * attribute stands, so the start-element hook counts the newlines between the tag's or value's first byte and the end.
 * O(bytes).
 */
#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/scenario_int.h"

#define DEPTH_MAX 16
#define ATTRIBUTES_MAX 64

struct parse { /* xmlParserCtxt._private */
  struct rs_scenario_reader *reader;
  int depth;
};

/* ---- Lines ------------------------------------------------------------------------------------------------------- */

uint32_t rs_scenario_line(const xmlNode *element)
{
  return (uint32_t)(uintptr_t)element->_private;
}

uint32_t rs_scenario_attribute_line(const xmlAttr *attribute)
{
  uint32_t line = (uint32_t)(uintptr_t)attribute->_private;
  return line ? line : rs_scenario_line(attribute->parent);
}

void rs_scenario_set_line(xmlAttr *attribute, uint32_t line)
{
  attribute->_private = (void *)(uintptr_t)line;
}

/* The line of `at`, which lies before the parser's position in the same buffer. */
static uint32_t line_of(const xmlParserInput *input, const xmlChar *at)
{
  uint32_t line = (uint32_t)input->line;
  for (; at < input->cur; at++)
    if (*at == '\n' && line > 1)
      line--;
  return line;
}

static void on_element(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int namespace_count,
                       const xmlChar **namespaces, int attribute_count, int defaulted, const xmlChar **attributes)
{
  xmlParserCtxtPtr parser = data;
  struct parse *parse = parser->_private;
  const xmlParserInput *input = parser->input;
  if (++parse->depth > DEPTH_MAX) {
    rs_scenario_fail(parse->reader, (uint32_t)input->line, "elements are nested more than %d deep; a scenario needs 4",
                     DEPTH_MAX);
    xmlStopParser(parser);
    return;
  }
  if (attribute_count > ATTRIBUTES_MAX) {
    rs_scenario_fail(parse->reader, (uint32_t)input->line,
                     "<%.40s> has more than %d attributes; no element knows as many", (const char *)name,
                     ATTRIBUTES_MAX);
    xmlStopParser(parser);
    return;
  }
  const xmlChar *begin = input->cur;
  while (begin > input->base && *begin != '<') /* an attribute cannot hold a '<' */
    begin--;
  uint32_t line = line_of(input, begin);
  xmlSAX2StartElementNs(data, name, prefix, uri, namespace_count, namespaces, attribute_count, defaulted, attributes);
  if (!parser->node)
    return;
  parser->node->_private = (void *)(uintptr_t)line;
  int index = 0;
  for (xmlAttrPtr at = parser->node->properties; at && index < attribute_count; at = at->next, index++) {
    const xmlChar *value = attributes[5 * index + 3];
    bool inside = value >= begin && value < input->cur; /* else it was normalised into a copy */
    rs_scenario_set_line(at, inside ? line_of(input, value) : line);
  }
}

static void on_element_end(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
  xmlParserCtxtPtr parser = data;
  ((struct parse *)parser->_private)->depth--;
  xmlSAX2EndElementNs(data, name, prefix, uri);
}

static void on_doctype(void *data, const xmlChar *name, const xmlChar *id, const xmlChar *uri)
{
  (void)name;
  (void)id;
  (void)uri;
  xmlParserCtxtPtr parser = data;
  rs_scenario_fail(((struct parse *)parser->_private)->reader, (uint32_t)parser->input->line,
                   "a scenario has no <!DOCTYPE> and defines no entities; remove it");
  xmlStopParser(parser);
}

/* ---- Messages ---------------------------------------------------------------------------------------------------- */

static void on_error(void *data, xmlErrorPtr error)
{
  xmlParserCtxtPtr parser = data;
  struct rs_scenario_reader *reader = ((struct parse *)parser->_private)->reader;
  uint32_t line = error->line > 0 ? (uint32_t)error->line : 0;
  const char *one = error->str1 ? error->str1 : "", *two = error->str2 ? error->str2 : "";
  if (reader->failed || error->level < XML_ERR_ERROR)
    return;
  switch (error->code) {
  case XML_ERR_DOCUMENT_EMPTY:
    rs_scenario_fail(reader, line, "this is not XML; a scenario begins with <scenario name=\"...\">");
    return;
  case XML_ERR_TAG_NAME_MISMATCH:
    rs_scenario_fail(reader, line, "</%.40s> ends <%.40s> of line %d; write </%.40s> first", two, one, error->int1,
                     one);
    return;
  case XML_ERR_TAG_NOT_FINISHED:
  case XML_ERR_LTSLASH_REQUIRED:
    rs_scenario_fail(reader, line, "the file ends inside <%.40s>; close it with </%.40s>", *one ? one : "scenario",
                     *one ? one : "scenario");
    return;
  case XML_ERR_DOCUMENT_END:
    rs_scenario_fail(reader, line,
                     "there is something behind the end of the first element; a file holds one <scenario>");
    return;
  case XML_ERR_ATTRIBUTE_REDEFINED:
    rs_scenario_fail(reader, line, "the attribute \"%.40s\" is given twice; keep one", one);
    return;
  case XML_ERR_ATTRIBUTE_NOT_STARTED:
    rs_scenario_fail(reader, line, "the value of an attribute has no quotes; write name=\"value\"");
    return;
  case XML_ERR_ATTRIBUTE_NOT_FINISHED:
  case XML_ERR_LT_IN_ATTRIBUTE:
    rs_scenario_fail(reader, line,
                     "an attribute's value holds a '<' or is not closed; close the quotes, write &lt; for '<'");
    return;
  case XML_ERR_ATTRIBUTE_WITHOUT_VALUE:
    rs_scenario_fail(reader, line, "the attribute \"%.40s\" has no value; write %.40s=\"value\"", one, one);
    return;
  case XML_ERR_GT_REQUIRED:
  case XML_ERR_SPACE_REQUIRED:
    rs_scenario_fail(reader, line,
                     "a tag is not written as <name attribute=\"value\" ...>; look for a missing '>' or blank");
    return;
  case XML_ERR_UNDECLARED_ENTITY:
  case XML_WAR_UNDECLARED_ENTITY:
    rs_scenario_fail(reader, line, "the entity &%.40s; does not exist; a scenario knows &lt; &gt; &amp; &quot; &apos;",
                     one);
    return;
  case XML_ERR_ENTITYREF_SEMICOL_MISSING:
  case XML_ERR_NAME_REQUIRED: rs_scenario_fail(reader, line, "a '&' or '<' stands alone; write &amp; or &lt;"); return;
  case XML_ERR_COMMENT_NOT_FINISHED: rs_scenario_fail(reader, line, "a comment is not closed; end it with -->"); return;
  case XML_ERR_HYPHEN_IN_COMMENT:
    rs_scenario_fail(reader, line, "a comment holds \"--\", which XML forbids; write one hyphen");
    return;
  case XML_ERR_INVALID_CHAR:
  case XML_ERR_INVALID_ENCODING:
  case XML_ERR_UNKNOWN_ENCODING:
  case XML_ERR_UNSUPPORTED_ENCODING:
    rs_scenario_fail(reader, line, "there is a byte that is no text in the file's encoding; save the file as UTF-8");
    return;
  case XML_NS_ERR_UNDEFINED_NAMESPACE:
  case XML_NS_ERR_QNAME:
    rs_scenario_fail(reader, line, "a name holds a ':'; scenarios use no XML namespaces, remove the prefix");
    return;
  default: break;
  }
  char text[160]; /* libxml2's own words, without the end of line */
  snprintf(text, sizeof text, "%s", error->message ? error->message : "");
  text[strcspn(text, "\n")] = 0;
  rs_scenario_fail(reader, line, "this is not well-formed XML (%s); check quotes, brackets and closing tags", text);
}

/* ---- Parsing ----------------------------------------------------------------------------------------------------- */

bool rs_scenario_parse_text(struct rs_scenario_reader *reader, const char *text, size_t bytes)
{
  if (bytes > RS_SCENARIO_FILE_BYTES_MAX)
    return rs_scenario_fail(reader, 0, "the file is larger than %u MiB; a scenario names its data files instead",
                            RS_SCENARIO_FILE_BYTES_MAX >> 20);
  if (bytes == 0)
    return rs_scenario_fail(reader, 1, "the file is empty; a scenario begins with <scenario name=\"...\">");
  struct parse parse = {.reader = reader};
  xmlParserCtxtPtr parser = xmlNewParserCtxt();
  if (!parser)
    return rs_scenario_fail(reader, 0, "no memory for the XML parser; free some");
  parser->_private = &parse;
  parser->sax->internalSubset = on_doctype;
  parser->sax->startElementNs = on_element;
  parser->sax->endElementNs = on_element_end;
  parser->sax->serror = on_error;
  xmlDocPtr doc = xmlCtxtReadMemory(parser, text, (int)bytes, reader->file, NULL,
                                    XML_PARSE_NONET | XML_PARSE_NOCDATA | XML_PARSE_COMPACT | XML_PARSE_BIG_LINES);
  bool formed = parser->wellFormed;
  xmlFreeParserCtxt(parser);
  reader->doc = doc;
  if (reader->failed)
    return false;
  if (!doc || !formed || !xmlDocGetRootElement(doc))
    return rs_scenario_fail(reader, 0, "this is not well-formed XML; a scenario begins with <scenario name=\"...\">");
  return true;
}

/* ---- Reading the tree -------------------------------------------------------------------------------------------- */

xmlAttr *rs_scenario_find(const xmlNode *element, const char *name)
{
  for (xmlAttr *at = element->properties; at; at = at->next)
    if (!at->ns && strcmp((const char *)at->name, name) == 0)
      return at;
  return NULL;
}

const char *rs_scenario_get(const xmlNode *element, const char *name)
{
  const xmlAttr *attribute = rs_scenario_find(element, name);
  if (!attribute)
    return NULL;
  return attribute->children && attribute->children->content ? (const char *)attribute->children->content : "";
}

static xmlNode *from(xmlNode *at, const char *name)
{
  while (at && (at->type != XML_ELEMENT_NODE || (name && strcmp((const char *)at->name, name) != 0)))
    at = at->next;
  return at;
}

xmlNode *rs_scenario_child(const xmlNode *element, const char *name)
{
  return from(element->children, name);
}
xmlNode *rs_scenario_next(const xmlNode *element, const char *name)
{
  return from(element->next, name);
}
