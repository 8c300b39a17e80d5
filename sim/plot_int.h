/* plot_int.h -- the inside of the plotter: plot.c runs gnuplot, plot_data.c turns result files into gnuplot's data. */
#ifndef RS_SIM_PLOT_INT_H
#define RS_SIM_PLOT_INT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "sim/plot.h"
#include "sim/results_csv.h"
#include "sim/results_text.h"

/* plots/NAME.gp, embedded by cmake/plots.cmake; ended by a NULL name. */
struct rs_plot_template {
  const char *name;
  const unsigned char *text;
  size_t size;
};
extern const struct rs_plot_template rs_plot_templates[];

/* What is being drawn. */
struct rs_plot_result {
  const char *dir;
  json_t *summary;
  const json_t *cases; /* borrowed from summary */
  uint32_t case_count;
  double end_s; /* of the longest run, for the unit of the time axis */
  char *err;
  size_t err_size;
};

enum rs_plot_step { RS_PLOT_ERROR = -1, RS_PLOT_NONE, RS_PLOT_DRAW }; /* none: there is no data for this figure */

/* Each adds the variables and data blocks that its template reads. `which` is the case, for figures of one case. */
struct rs_plot_figure {
  const char *name; /* of the template */
  bool per_case;    /* one figure a case */
  enum rs_plot_step (*data)(const struct rs_plot_result *result, uint32_t which, struct rs_text *script,
                            const char **template_name);
};
extern const struct rs_plot_figure rs_plot_figures[]; /* ended by a NULL name */

enum rs_plot_step rs_plot_gantt(const struct rs_plot_result *result, uint32_t which, struct rs_text *script,
                                const char **template_name);
enum rs_plot_step rs_plot_sweep(const struct rs_plot_result *result, uint32_t which, struct rs_text *script,
                                const char **template_name);

/* ---- Helpers that the figures share (plot_data.c) ---- */

#define RS_PLOT_TAGS_MAX 16

/* The summary's entry of a case. */
const json_t *rs_plot_case(const struct rs_plot_result *result, uint32_t which);

/* A readable unit for times up to end_s, in seconds, and its name. */
double rs_plot_time_unit(double end_s, const char **name);

/* Sets TIME (the unit's name) and END; returns the unit in seconds. */
double rs_plot_time_axis(struct rs_text *script, double end_s);

/* A field of a data block: a blank and the number, or NaN. */
void rs_plot_value(struct rs_text *script, double value);

/* Sets TAGS, TAG[] and ORDERED (rungs, which are drawn in shades) for the case's first `count` tags. */
void rs_plot_tags(const struct rs_plot_result *result, uint32_t which, uint32_t count, struct rs_text *script);

/* Text as a gnuplot string in single quotes, where nothing is expanded. Control characters and single quotes are
 * replaced; long text is cut to `max` characters. */
void rs_plot_quote(struct rs_text *script, const char *text, uint32_t max);

const char *rs_plot_case_name(const struct rs_plot_result *result, uint32_t which);

#endif
