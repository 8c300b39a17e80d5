/* Runs gnuplot once a figure. Its standard input is the script in memory, its standard output the figure under a hidden
 * name, its standard error memory again: no shell, no path in the script, no pipe that could fill up. */
#include "sim/plot.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "sim/plot_int.h"
#include "sim/results_json.h"
#include "sim/results_out.h"

extern char **environ;

static const char *const format_names[] = {"svg", "png", "pdf"};

int rs_plot_format_of(const char *name)
{
  for (int i = 0; i < 3; i++)
    if (strcmp(name, format_names[i]) == 0)
      return i;
  return -1;
}

/* ---- gnuplot as a program ---- */

/* Waits for gnuplot; false with its own complaint, or what is known of its end. */
static bool good_end(pid_t pid, int err_fd, char *err, size_t err_size)
{
  int status;
  char said[300] = "";
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  ssize_t size = pread(err_fd, said, sizeof said - 1, 0);
  said[size > 0 ? size : 0] = '\0';
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return true;
  for (char *c = said; *c; c++)
    if ((unsigned char)*c < 0x20)
      *c = ' '; /* one line */
  if (WIFEXITED(status))
    snprintf(err, err_size, "gnuplot could not draw (exit status %d): %s", WEXITSTATUS(status), said);
  else
    snprintf(err, err_size, "gnuplot was ended by signal %d: %s", WTERMSIG(status), said);
  return false;
}

static int spawn_gnuplot(pid_t *pid, int in_fd, int out_fd, int err_fd)
{
  static char program[] = "gnuplot", no_settings[] = "-d", from_stdin[] = "-";
  char *argv[] = {program, no_settings, from_stdin, NULL};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in_fd, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err_fd, STDERR_FILENO);
  int error = posix_spawnp(pid, program, &actions, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

/* An anonymous file in memory; never one of the standard three, so that dup2 on them keeps it. */
static int memory_file(const char *name)
{
  int fd = memfd_create(name, MFD_CLOEXEC);
  if (fd < 0 || fd > STDERR_FILENO)
    return fd;
  int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  close(fd);
  return moved;
}

static bool write_script(int fd, const struct rs_text *script)
{
  for (size_t done = 0; done < script->size;) {
    ssize_t wrote = write(fd, script->bytes + done, script->size - done);
    if (wrote < 0 && errno == EINTR)
      continue;
    if (wrote <= 0)
      return false;
    done += (size_t)wrote;
  }
  return lseek(fd, 0, SEEK_SET) == 0;
}

static bool run_gnuplot(const struct rs_text *script, int out_fd, char *err, size_t err_size)
{
  pid_t pid;
  bool good = false;
  int in_fd = memory_file("raysim-plot"), err_fd = memory_file("raysim-plot-messages");
  if (in_fd < 0 || err_fd < 0 || !write_script(in_fd, script)) {
    snprintf(err, err_size, "no memory for a figure: %s", strerror(errno));
  } else {
    int error = spawn_gnuplot(&pid, in_fd, out_fd, err_fd);
    if (error == ENOENT)
      snprintf(err, err_size, "gnuplot is not on PATH; figures need it: install it (Debian: apt install gnuplot-nox)");
    else if (error)
      snprintf(err, err_size, "gnuplot cannot be started: %s", strerror(error));
    else
      good = good_end(pid, err_fd, err, err_size);
  }
  if (in_fd >= 0)
    close(in_fd);
  if (err_fd >= 0)
    close(err_fd);
  return good;
}

/* ---- One figure ---- */

/* Okabe and Ito's colours, which colour-blind readers can tell apart; yellow is left out (too pale for a line). */
static const char preamble[] =
    "set encoding utf8\n"
    "colour(i) = word('#0072B2 #D55E00 #009E73 #CC79A7 #E69F00 #56B4E9 #000000', (i - 1) % 7 + 1)\n"
    "pale(i) = '#CC' . substr(colour(i), 2, 7)\n"
    "dashes(i) = 1 + (i - 1) / 7\n"
    "width(i) = N > 6 || N < 2 ? 2.0 : 4.0 - 2.2 * (i - 1) / (N - 1)\n" /* curves that coincide show as nested lines */
    "few = '#BBDF27 #35B779 #2C728E #472D7B'\n"
    "many = '#DDE318 #8BD646 #44BF70 #1F9E89 #2A788E #3B528B #472D7B'\n"
    "shade(i) = TAGS == 1 ? '#2C728E' : TAGS <= 4 ? word(few, 1 + int((i - 1) * 3.0 / (TAGS - 1) + 0.5)) : "
    "TAGS <= 7 ? word(many, 1 + int((i - 1) * 6.0 / (TAGS - 1) + 0.5)) : word(many, (i - 1) % 7 + 1)\n"
    "hue(i) = ORDERED ? shade(i) : colour(i)\n"
    "set style fill solid noborder\n"
    "set border 3 lc rgb '#606060'\n"
    "set tics nomirror out scale 0.6 textcolor rgb '#202020'\n"
    "set grid back lt 1 lc rgb '#E4E4E4' lw 1\n"
    /* TITLE at the top, the legend under it, then the plot; a long legend goes to the right instead. H: pixels. */
    "head = \"set label 99 TITLE at screen 0.5, 1 - 20.0 / H center font TITLE_FONT; "
    "set key at screen 0.5, 1 - 46.0 / H center horizontal Left reverse samplen 2 noenhanced textcolor rgb '#202020'; "
    "set tmargin at screen 1 - 64.0 / H\"\n"
    "side = \"set key outside right top vertical Left reverse samplen 2 noenhanced textcolor rgb '#202020'; "
    "set tmargin at screen 1 - 42.0 / H\"\n";

static void add_terminal(struct rs_text *script, enum rs_plot_format format)
{
  static const int title_sizes[] = {18, 15, 13};
  rs_text_add(script, "TITLE_FONT = ',%d'\n", title_sizes[format]);
  switch (format) {
  case RS_PLOT_SVG:
    rs_text_add(script, "terminal(w, h) = sprintf(\"set terminal svg size %%d,%%d dynamic noenhanced background "
                        "'white' font 'DejaVu Sans,13'\", w, h)\n");
    break;
  case RS_PLOT_PNG:
    rs_text_add(script, "cairo = strstrt(GPVAL_TERMINALS, 'pngcairo') > 0\n"
                        "terminal(w, h) = cairo ? sprintf(\"set terminal pngcairo size %%d,%%d noenhanced background "
                        "'white' font 'DejaVu Sans,10'\", w, h) : sprintf(\"set terminal png size %%d,%%d noenhanced "
                        "truecolor background 'white' font 'DejaVu Sans,9'\", w, h)\n");
    break;
  case RS_PLOT_PDF:
    rs_text_add(script, "if (strstrt(GPVAL_TERMINALS, 'pdfcairo') == 0) {\n"
                        "  exit error 'this gnuplot was built without pdfcairo: choose svg or png'\n"
                        "}\n"
                        "terminal(w, h) = sprintf(\"set terminal pdfcairo size %%gin,%%gin noenhanced background "
                        "'white' font 'DejaVu Sans,9.5'\", w / 100.0, h / 100.0)\n");
    break;
  }
}

static const struct rs_plot_template *find_template(const char *name)
{
  const struct rs_plot_template *found = rs_plot_templates;
  while (found->name && strcmp(found->name, name) != 0)
    found++;
  return found->name ? found : NULL;
}

/* NAME.svg, or NAME-CASE.svg with the characters of CASE that could mislead replaced. */
static char *figure_name(const struct rs_plot_result *result, const struct rs_plot_figure *figure, uint32_t which,
                         enum rs_plot_format format)
{
  struct rs_text name = {0};
  rs_text_add(&name, "%s", figure->name);
  if (figure->per_case && result->case_count > 1) {
    rs_text_add(&name, "-");
    uint32_t used = 0;
    for (const char *c = rs_plot_case_name(result, which); *c && used < 100; c++, used++) {
      bool plain =
          (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr(".=+-", *c);
      rs_text_add(&name, "%c", plain ? *c : '_');
    }
  }
  rs_text_add(&name, ".%s", format_names[format]);
  return name.bytes;
}

/* Draws a script into out_dir/name, under a hidden name until it is whole. Frees `name`. */
static int draw(const struct rs_text *script, const char *out_dir, char *name, void (*drawn)(void *, const char *),
                void *context, char *err, size_t err_size)
{
  struct rs_text hidden = {0};
  rs_text_add(&hidden, "%s/.%s.%d.tmp", out_dir, name, (int)getpid());
  char *path = rs_out_path(out_dir, name);
  int fd = open(hidden.bytes, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), result = -1;
  if (fd >= 0 && fd <= STDERR_FILENO) { /* keep it from being overwritten by dup2 */
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    close(fd);
    fd = moved;
  }
  struct stat info = {0};
  if (fd < 0)
    rs_out_fail(err, err_size, "cannot write", hidden.bytes, errno);
  else if (!run_gnuplot(script, fd, err, err_size))
    result = -1;
  else if (fstat(fd, &info) != 0 || info.st_size == 0)
    snprintf(err, err_size, "gnuplot wrote nothing into %s: is the disk full?", path);
  else if (fsync(fd) != 0 && errno != EINVAL && errno != EROFS)
    rs_out_fail(err, err_size, "cannot write", path, errno);
  else if (rename(hidden.bytes, path) != 0)
    rs_out_fail(err, err_size, "cannot rename to", path, errno);
  else
    result = 0;
  if (fd >= 0)
    close(fd);
  if (result != 0)
    unlink(hidden.bytes);
  else if (drawn)
    drawn(context, path);
  free(hidden.bytes);
  free(path);
  free(name);
  return result;
}

/* What every template may use: who it is, and the cases' names. */
static void add_head(const struct rs_plot_result *result, struct rs_text *script)
{
  const char *mode = json_string_value(json_object_get(result->summary, "mode"));
  const char *scenario = json_string_value(json_object_get(result->summary, "scenario"));
  uint32_t longest = 0;
  rs_text_add(script, "SCENARIO = ");
  rs_plot_quote(script, scenario ? scenario : "", 60);
  rs_text_add(script, "\nREAL = %d\nPARTIAL = %d\nN = %u\narray NAME[%u]\n", mode && strcmp(mode, "real") == 0,
              json_is_true(json_object_get(result->summary, "partial")), result->case_count, result->case_count);
  for (uint32_t i = 0; i < result->case_count; i++) {
    rs_text_add(script, "NAME[%u] = ", i + 1);
    rs_plot_quote(script, rs_plot_case_name(result, i), 64);
    rs_text_add(script, "\n");
    uint32_t size = (uint32_t)strlen(rs_plot_case_name(result, i));
    longest = size > longest ? size : longest;
  }
  longest = longest < 64 ? longest : 64;
  /* A legend of more than one line goes to the right, and the figure becomes wider by it. */
  bool side = (longest + 7) * result->case_count > 96;
  rs_text_add(script, "SIDE = %d\nW = %u\n", side, side ? 860 + 60 + 8 * longest : 860);
}

/* 1 when drawn, 0 when there was nothing to draw, -1 on error. */
static int draw_figure(const struct rs_plot_result *result, const struct rs_plot_figure *figure, uint32_t which,
                       enum rs_plot_format format, const char *out_dir, void (*drawn)(void *, const char *),
                       void *context)
{
  struct rs_text script = {0};
  const char *template_name = figure->name;
  rs_text_append(&script, preamble, sizeof preamble - 1);
  add_terminal(&script, format);
  add_head(result, &script);
  enum rs_plot_step step = figure->data(result, which, &script, &template_name);
  int done = step == RS_PLOT_ERROR ? -1 : 0;
  if (step == RS_PLOT_DRAW) {
    const struct rs_plot_template *found = find_template(template_name);
    if (found) {
      rs_text_append(&script, (const char *)found->text, found->size);
      char *name = figure_name(result, figure, which, format);
      done = draw(&script, out_dir, name, drawn, context, result->err, result->err_size) == 0 ? 1 : -1;
    } else {
      snprintf(result->err, result->err_size, "there is no template plots/%s.gp in this program", template_name);
      done = -1;
    }
  }
  free(script.bytes);
  return done;
}

static int draw_all(const struct rs_plot_result *result, enum rs_plot_format format, const char *out_dir,
                    void (*drawn)(void *, const char *), void *context)
{
  int count = 0;
  for (const struct rs_plot_figure *figure = rs_plot_figures; figure->name; figure++)
    for (uint32_t which = 0; which < (figure->per_case ? result->case_count : 1); which++) {
      int done = draw_figure(result, figure, which, format, out_dir, drawn, context);
      if (done < 0)
        return -1;
      count += done;
    }
  return count;
}

int rs_plot(const char *dir, enum rs_plot_format format, const char *out_dir, void (*drawn)(void *, const char *),
            void *context, char *err, size_t err_size)
{
  struct rs_plot_result result = {.dir = dir, .err = err, .err_size = err_size};
  result.summary = rs_json_read(dir, "summary.json", err, err_size);
  if (!result.summary)
    return -1;
  result.cases = json_object_get(result.summary, "cases");
  result.case_count = (uint32_t)json_array_size(result.cases);
  for (uint32_t i = 0; i < result.case_count; i++) {
    const json_t *metrics = json_object_get(json_array_get(result.cases, i), "metrics");
    result.end_s = fmax(result.end_s, rs_json_value(json_object_get(metrics, "run_s"), "max"));
  }
  char *own_dir = out_dir ? NULL : rs_out_path(dir, "plots");
  int count = -1;
  if (result.case_count == 0)
    snprintf(err, err_size, "%s/summary.json: not a raysim result: it has no cases", dir);
  else if (rs_out_mkdirs(out_dir ? out_dir : own_dir, err, err_size) == 0)
    count = draw_all(&result, format, out_dir ? out_dir : own_dir, drawn, context);
  if (count == 0) {
    snprintf(err, err_size, "%s holds no data for a figure: no task ran", dir);
    count = -1;
  }
  free(own_dir);
  json_decref(result.summary);
  return count;
}
