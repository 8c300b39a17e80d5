/* fit_curves.c -- fits the curve model to a table of recorded curves, writes it, and says how well it predicts the
 * configurations that it did not see.
 *
 *   fit_curves TABLE MODEL [COMPONENTS]   fits, writes MODEL, then checks it; cross-validation chooses if not given
 *   fit_curves --check TABLE MODEL        only checks
 *   fit_curves --draw MODEL COUNT         prints drawn curves as CSV
 */
#include "base/assert.h"
#include "sim/curve_check.h"
#include "sim/curve_fit.h"
#include "sim/curve_model_int.h"
#include "sim/curves.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED 1u
#define DRAWS 20000u

void rs_panic(const char *text)
{
  fprintf(stderr, "%s\n", text);
}

static int usage(void)
{
  fputs("usage: fit_curves TABLE MODEL [COMPONENTS]\n       fit_curves --check TABLE MODEL\n       "
        "fit_curves --draw MODEL COUNT\n",
        stderr);
  return 2;
}

static const char *file_name(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static int fit(const struct rs_curves *curves, const char *table, const char *path, uint32_t components)
{
  struct rs_curve_fit_report report;
  char error[512], about[512];
  struct rs_curve_model *model = rs_curve_fit(curves, components, SEED, &report, error, sizeof error);
  if (!model) {
    fprintf(stderr, "%s: %s\n", table, error);
    return 2;
  }
  for (uint32_t i = 0; i < report.candidate_count; i++)
    printf("%2u Gaussians: log likelihood of a left-out configuration %8.4f%s\n", report.candidates[i],
           report.left_out_likelihood[i], i == report.chosen ? "  <- chosen" : "");
  snprintf(about, sizeof about,
           "fitted by fit_curves to %u configurations of %s (those with number mod 10 < 7), seed %u", report.fitted,
           file_name(table), SEED);
  int failed = rs_curve_model_save(model, path, about, error, sizeof error);
  if (failed)
    fprintf(stderr, "%s\n", error);
  else
    printf("%s: %u configurations, %u of them diverged, %u Gaussians\n\n", path, report.fitted, report.diverged,
           model->component_count);
  rs_curve_model_free(model);
  return failed ? 1 : 0;
}

static void print(const struct rs_curve_difference *d, const char *first, const char *second, uint32_t last)
{
  printf("| %-32s | %10s | %10s | %12s |\n|---|---|---|---|\n", "quantity", first, second, "K-S distance");
  printf("| %-25s%7u | %10s | %10s | %12.4f |\n", "loss at epoch", last, "", "", d->ks_final);
  for (uint32_t i = 0; i < RS_CURVE_CHECK_EARLY; i++)
    printf("| %-25s%7u | %10s | %10s | %12.4f |\n", "loss at epoch", rs_curve_check_epochs[i], "", "", d->ks_early[i]);
  printf("| %-32s | %10s | %10s | %12.4f |\n", "seconds an epoch", "", "", d->ks_seconds);
  printf("| %-32s | %10s | %10s | %12.4f |\n", "critical value at 5 %", "", "", d->ks_critical);
  printf("| %-32s | %10.4f | %10.4f | %12s |\n", "share that diverged", d->diverged[0], d->diverged[1], "");
  for (uint32_t i = 0; i < RS_CURVE_CHECK_EARLY; i++)
    printf("| Spearman, epochs %2u and %2u         | %10.4f | %10.4f | %12s |\n", rs_curve_check_epochs[i], last,
           d->spearman[0][i], d->spearman[1][i], "");
  for (uint32_t i = 0; i < RS_CURVE_CHECK_EARLY; i++)
    printf("| best 1/16 in the best 1/4 at %2u   | %10.4f | %10.4f | %12s |\n", rs_curve_check_epochs[i], d->kept[0][i],
           d->kept[1][i], "");
  putchar('\n');
}

static int check(const struct rs_curves *curves, const char *path)
{
  char error[512];
  struct rs_curve_model *model = rs_curve_model_load(path, error, sizeof error);
  if (!model) {
    fprintf(stderr, "%s\n", error);
    return 2;
  }
  uint32_t epochs = rs_curve_model_epochs_max(model);
  if (epochs > rs_curves_epochs_min(curves) || epochs <= rs_curve_check_epochs[RS_CURVE_CHECK_EARLY - 1]) {
    fprintf(stderr, "%s: the model has %u epochs, the table %u; wanted the table that the model was fitted to\n", path,
            epochs, rs_curves_epochs_min(curves));
    rs_curve_model_free(model);
    return 2;
  }
  struct rs_curve_sample seen = rs_curve_sample_recorded(curves, epochs, false);
  struct rs_curve_sample held_out = rs_curve_sample_recorded(curves, epochs, true);
  struct rs_curve_sample drawn = rs_curve_sample_drawn(model, SEED, DRAWS);
  struct rs_curve_difference noise = rs_curve_compare(&held_out, &seen);
  struct rs_curve_difference model_error = rs_curve_compare(&held_out, &drawn);
  printf("%u held-out configurations against %u draws of the model:\n", held_out.count, drawn.count);
  print(&model_error, "held out", "model", epochs);
  printf("For scale, the same %u against the %u recorded ones that were fitted:\n", held_out.count, seen.count);
  print(&noise, "held out", "fitted", epochs);
  rs_curve_sample_free(&seen);
  rs_curve_sample_free(&held_out);
  rs_curve_sample_free(&drawn);
  rs_curve_model_free(model);
  return 0;
}

static int draw(const char *path, const char *count_text)
{
  char error[512], *end;
  unsigned long count = strtoul(count_text, &end, 10);
  if (*end || count_text[0] < '0' || count_text[0] > '9' || count > 1000000) {
    fprintf(stderr, "fit_curves: draw %s curves; wanted a number up to 1000000\n", count_text);
    return 2;
  }
  struct rs_curve_model *model = rs_curve_model_load(path, error, sizeof error);
  if (!model) {
    fprintf(stderr, "%s\n", error);
    return 2;
  }
  puts("configuration,epoch,validation_loss_nats,seconds");
  for (unsigned long i = 0; i < count; i++) {
    struct rs_curve_params params;
    rs_curve_draw(model, SEED, i, &params);
    for (uint32_t epoch = 1; epoch <= rs_curve_model_epochs_max(model); epoch++) {
      printf("%lu,%u,", i, epoch);
      if (params.diverged_epoch && epoch >= params.diverged_epoch)
        fputs("nan", stdout); /* printf may print a sign */
      else
        printf("%.5g", rs_curve_loss(model, &params, epoch));
      printf(",%.3g\n", rs_curve_seconds(model, &params, epoch));
    }
  }
  rs_curve_model_free(model);
  return ferror(stdout) ? 1 : 0;
}

int main(int argc, char **argv)
{
  if (argc == 4 && strcmp(argv[1], "--draw") == 0)
    return draw(argv[2], argv[3]);
  bool only_check = argc > 1 && strcmp(argv[1], "--check") == 0;
  char **words = argv + (only_check ? 2 : 1);
  int left = argc - (only_check ? 2 : 1);
  uint32_t components = 0;
  if (!only_check && left == 3) {
    char *end;
    long number = strtol(words[2], &end, 10);
    if (*end || number < 1 || number > (long)RS_CURVE_COMPONENTS_MAX) {
      fprintf(stderr, "fit_curves: %s components; wanted a number from 1 to %u\n", words[2], RS_CURVE_COMPONENTS_MAX);
      return 2;
    }
    components = (uint32_t)number;
    left = 2;
  }
  if (left != 2)
    return usage();
  char error[512];
  struct rs_curves *curves = rs_curves_load(words[0], NULL, error, sizeof error);
  if (!curves) {
    fprintf(stderr, "%s\n", error);
    return 2;
  }
  int code = only_check ? 0 : fit(curves, words[0], words[1], components);
  if (!code)
    code = check(curves, words[1]);
  rs_curves_free(curves);
  return code;
}
