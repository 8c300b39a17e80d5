/* compare_int.h -- what sim/compare*.c share: folders as read, and the comparison as computed. */
#ifndef RS_SIM_COMPARE_INT_H
#define RS_SIM_COMPARE_INT_H

#include <jansson.h>
#include <math.h>
#include <stdint.h>

#include "sim/compare.h"
#include "sim/null_model.h"
#include "sim/stats.h"

enum cmp_figure {
  CMP_MAKESPAN, /* last end - first submission, where there are task rows; else makespan_s */
  CMP_LATENCY_MEAN,
  CMP_LATENCY_P50,
  CMP_LATENCY_P90,
  CMP_LATENCY_P99,
  CMP_JOB_MEAN,
  CMP_JOB_P99,
  CMP_UTILISATION,
  CMP_BEST,
  CMP_FIGURES
};
extern const char *const rs_cmp_figure_names[CMP_FIGURES];

struct cmp_run {
  const json_t *json; /* an entry of summary.json's runs */
  const char *case_name;
  double seed;
  char *folder;               /* full path */
  struct rs_null_task *tasks; /* rows of tasks that ended well; NULL without task rows */
  uint64_t submit_ns, end_ns; /* first and last of them */
  uint32_t task_count, task_cap;
  double cpu_e4, gpu_e4; /* what the nodes offered, at most */
};

struct cmp_folder {
  const char *dir;
  json_t *summary;
  struct cmp_run *runs;
  uint32_t run_count;
  void *scenario; /* xmlDoc, or NULL */
  double tolerance;
  double time_scale;
};

/* -1 and a message. rs_cmp_folder_free also after a failure. */
int rs_cmp_folder_read(struct cmp_folder *folder, const char *dir, char *err, size_t err_size);
void rs_cmp_folder_free(struct cmp_folder *folder);
const char *rs_cmp_folder_mode(const struct cmp_folder *folder);
bool rs_cmp_folder_tunes(const struct cmp_folder *folder); /* it has trials: what runs depends on what came before */

/* Task rows of one run into run->tasks; a missing file leaves NULL. */
int rs_cmp_rows_read(struct cmp_run *run, char *err, size_t err_size);

/* 0 when both may be compared; otherwise -1 and the first difference. */
int rs_cmp_folder_match(const struct cmp_folder *a, const struct cmp_folder *b, char *err, size_t err_size);
struct cmp_run *rs_cmp_run_like(const struct cmp_folder *folder, const struct cmp_run *like); /* same case and seed */

struct cmp_cell {
  struct rs_stats a, b, difference; /* difference: b - a, paired */
  struct rs_stats null;
  double error, null_error; /* relative to b */
  double tolerance;         /* NaN: not judged */
  bool beyond;
};

struct cmp_case {
  const char *name;
  uint32_t pairs;
  bool from_rows; /* makespan, latencies and the null model come from task rows */
  struct cmp_cell cells[CMP_FIGURES];
  bool null_beyond; /* the error is not below null_factor x the null model's */
};

struct cmp {
  const struct cmp_folder *a, *b;
  struct rs_compare_opts opts;
  struct cmp_case *cases;
  uint32_t case_count;
  enum cmp_figure rank_by;
  bool maximise;
  double tau, null_tau; /* NaN: no ranking */
  uint32_t *rank_a, *rank_b;
  bool judged, beyond;
};

void rs_cmp_print_text(const struct cmp *cmp, struct rs_text *out);
void rs_cmp_print_json(const struct cmp *cmp, struct rs_text *out);

#endif
