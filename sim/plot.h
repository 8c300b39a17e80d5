/* plot.h -- figures of a result folder, drawn by gnuplot.
 *
 * gnuplot runs as a program found on PATH. It gets the template (plots/NAME.gp, built into the program) and the data on
 * its standard input and its standard output is the figure, so no path and no name from a result file is ever read by a
 * shell or by gnuplot as code.
 */
#ifndef RS_SIM_PLOT_H
#define RS_SIM_PLOT_H

#include <stddef.h>

enum rs_plot_format { RS_PLOT_SVG, RS_PLOT_PNG, RS_PLOT_PDF };

/* "svg", "png", "pdf"; -1 for anything else. */
int rs_plot_format_of(const char *name);

/* Draws every figure that the result in `dir` has data for into `out_dir` (NULL: `dir`/plots; made when missing). Files
 * appear whole or not at all. `drawn`, when given, is called with each finished file. Returns the number of figures, or
 * -1 with one line in `err`: no gnuplot, no result there, a file that cannot be written, gnuplot's own complaint. */
int rs_plot(const char *dir, enum rs_plot_format format, const char *out_dir,
            void (*drawn)(void *context, const char *path), void *context, char *err, size_t err_size);

#endif
