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

/* Text as a gnuplot string in single quotes, where nothing is expanded. Control characters and single quotes are
 * replaced; long text is cut to `max` characters. */
void rs_plot_quote(struct rs_text *script, const char *text, uint32_t max);

const char *rs_plot_case_name(const struct rs_plot_result *result, uint32_t which);

#endif
