/* The table of recorded curves: what the committed one holds, and one clear message for every way to spoil a table. */
#include "base/alloc.h"
#include "check.h"
#include "sim/curves.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define TABLE RS_SOURCE_DIR "/scenarios/data/digits_curves.csv.gz"
#define HEAD "configuration,epoch,validation_loss_nats,accuracy,seconds,learning_rate\n"

/* Loads a table with this text; the message, without the path before it, goes to error. */
static struct rs_curves *load_text(const char *text, const char *task, char *error, size_t bytes)
{
  char path[] = "/tmp/raysim_curves_XXXXXX";
  int descriptor = mkstemp(path);
  CHECK(descriptor >= 0);
  CHECK_EQ(write(descriptor, text, strlen(text)), strlen(text));
  close(descriptor);
  char whole[600];
  struct rs_curves *curves = rs_curves_load(path, task, whole, sizeof whole);
  unlink(path);
  if (!curves) {
    CHECK_EQ(strncmp(whole, path, strlen(path)), 0);
    snprintf(error, bytes, "%s", whole + strlen(path));
  }
  return curves;
}

static void committed_table_is_whole(void)
{
  char error[512] = "";
  struct rs_curves *curves = rs_curves_load(TABLE, NULL, error, sizeof error);
  CHECK_STR(error, "");
  CHECK(curves != NULL);
  CHECK(rs_curves_count(curves) >= 1000);
  CHECK(rs_curves_epochs_min(curves) >= 64);
  CHECK_EQ(rs_curves_parameter_count(curves), 8);
  CHECK_STR(rs_curves_parameter_name(curves, 0), "learning_rate");
  CHECK_STR(rs_curves_parameter_name(curves, 7), "init_scale");
  uint32_t diverged = 0, learned = 0;
  double seconds = 0;
  for (uint32_t i = 0; i < rs_curves_count(curves); i++) {
    struct rs_curve curve = rs_curves_get(curves, i);
    CHECK_EQ(curve.number, i);
    for (uint32_t e = 1; e <= curve.epochs; e++) {
      double loss = curve.loss[e - 1];
      bool finite = loss - loss == 0;
      CHECK_EQ(finite, curve.diverged_epoch == 0 || e < curve.diverged_epoch);
      CHECK(!finite || loss > 0);
      CHECK(finite || loss != loss);
      seconds += curve.seconds[e - 1] / 64;
    }
    diverged += curve.diverged_epoch > 0;
    learned += curve.accuracy[curve.epochs - 1] > 0.95;
    CHECK(curve.hyperparameter[0] >= 3e-4 && curve.hyperparameter[0] <= 1);
  }
  CHECK(diverged > 100 && diverged < 600);
  CHECK(learned > 200);
  CHECK_NEAR(rs_curves_seconds_mean(curves), seconds / rs_curves_count(curves), 1e-9);
  rs_curves_free(curves);
}

static void a_table_is_read_as_written(void)
{
  char error[512] = "";
  struct rs_curves *curves = load_text("accuracy,lr,task,seconds,configuration,validation_loss_nats,epoch,depth\n"
                                       "0.5,1e-3,a,0.25,3,2.5,1,7\r\n"
                                       "0.75,1e-3,a,0.5,3,1.25,2,7\r\n"
                                       "0.5,0.1,b,1,4,1,1,1\n"
                                       "0.1,10,a,2,9,inf,1,2\n"
                                       "0.1,10,a,3,9,nan,2,2",
                                       "a", error, sizeof error);
  CHECK_STR(error, "");
  CHECK_EQ(rs_curves_count(curves), 2);
  CHECK_EQ(rs_curves_parameter_count(curves), 2);
  CHECK_STR(rs_curves_parameter_name(curves, 1), "depth");
  struct rs_curve first = rs_curves_get(curves, 0), second = rs_curves_get(curves, 1);
  CHECK_EQ(first.number, 3);
  CHECK_EQ(first.epochs, 2);
  CHECK_EQ(first.diverged_epoch, 0);
  CHECK_NEAR(first.loss[1], 1.25, 0);
  CHECK_NEAR(first.accuracy[1], 0.75, 0);
  CHECK_NEAR(first.seconds[0], 0.25, 0);
  CHECK_NEAR(first.hyperparameter[0], 1e-3, 0);
  CHECK_NEAR(first.hyperparameter[1], 7, 0);
  CHECK_EQ(second.number, 9);
  CHECK_EQ(second.diverged_epoch, 1);
  CHECK(second.loss[0] != second.loss[0] && second.loss[1] != second.loss[1]);
  CHECK_NEAR(rs_curves_seconds_mean(curves), 5.75 / 4, 0);
  rs_curves_free(curves);
}

static void bad_tables_are_refused(void)
{
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"", ": the table of curves is empty; wanted a first line that names the columns"},
      {HEAD, ":1: no curve; wanted rows after the first line"},
      {"configuration,epoch,accuracy,seconds\n", ":1: there is no column \"validation_loss_nats\"; wanted a first line "
                                                 "that names the columns configuration, epoch, "
                                                 "validation_loss_nats, accuracy and seconds"},
      {"epoch,lr,lr\n", ":1: two columns are named \"lr\""},
      {"epoch,,lr\n", ":1: column 2 has no name"},
      {HEAD "0,1,2.3,0.1,0.5\n", ":2: 5 columns; wanted 6, as in the first line"},
      {HEAD "0,1,2.3,0.1,0.5,1\n\n", ":3: 1 columns; wanted 6, as in the first line"},
      {HEAD "0,1,two,0.1,0.5,1\n", ":2: validation_loss_nats is \"two\"; wanted a number"},
      {HEAD "0,1,,0.1,0.5,1\n", ":2: validation_loss_nats is \"\"; wanted a number"},
      {HEAD "0,1,-1,0.1,0.5,1\n", ":2: validation_loss_nats is -1; wanted at least 0, or nan when training diverged"},
      {HEAD "0,1,2.3,1.5,0.5,1\n", ":2: accuracy is 1.5; wanted a share from 0 to 1"},
      {HEAD "0,1,2.3,nan,0.5,1\n", ":2: accuracy is nan; wanted a share from 0 to 1"},
      {HEAD "0,1,2.3,0.1,0,1\n", ":2: seconds is 0; wanted a time above 0"},
      {HEAD "0,1,2.3,0.1,0.5,nan\n", ":2: learning_rate is nan; wanted a finite number"},
      {HEAD "-1,1,2.3,0.1,0.5,1\n", ":2: configuration is \"-1\"; wanted a whole number"},
      {HEAD "99999999999,1,2.3,0.1,0.5,1\n", ":2: configuration is \"99999999999\"; wanted a whole number"},
      {HEAD "0,2,2.3,0.1,0.5,1\n", ":2: configuration 0 begins with epoch 2; wanted epoch 1"},
      {HEAD "0,1,2.3,0.1,0.5,1\n0,3,2.3,0.1,0.5,1\n", ":3: epoch is 3; wanted 2, the next one of configuration 0"},
      {HEAD "1,1,2.3,0.1,0.5,1\n0,1,2.3,0.1,0.5,1\n",
       ":3: configuration 0 comes after 1; wanted increasing numbers, each configuration's rows together"},
      {HEAD "0,1,2.3,0.1,0.5,1\n0,2,2.3,0.1,0.5,2\n",
       ":3: learning_rate is 2, but 1 in the first row of configuration 0; one configuration has one value"},
      {HEAD "0,1,nan,0.1,0.5,1\n0,2,2.3,0.1,0.5,1\n",
       ":3: validation_loss_nats is 2.3, but configuration 0 diverged at epoch 1; wanted nan"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char error[512] = "";
    CHECK(!load_text(cases[i].text, NULL, error, sizeof error));
    CHECK_STR(error, cases[i].message);
  }
  char error[512] = "";
  CHECK(!load_text(HEAD "0,1,2.3,0.1,0.5,1\n", "a", error, sizeof error));
  CHECK_STR(error, ":1: there is no column \"task\", but only the rows of task \"a\" are wanted");
  CHECK(!load_text("task," HEAD "b,0,1,2.3,0.1,0.5,1\n", "a", error, sizeof error));
  CHECK_STR(error, ":2: no row has task \"a\"");
}

static void broken_files_are_refused(void)
{
  char error[512] = "";
  CHECK(!rs_curves_load("/nowhere/curves.csv.gz", NULL, error, sizeof error));
  CHECK_STR(error, "/nowhere/curves.csv.gz: cannot open the table of curves: No such file or directory");
  CHECK(!rs_curves_load("/tmp", NULL, error, sizeof error));
  CHECK_STR(error, "/tmp: cannot read the table of curves: Is a directory");

  FILE *from = fopen(TABLE, "rb");
  char path[] = "/tmp/raysim_curves_XXXXXX";
  int descriptor = mkstemp(path);
  CHECK(from && descriptor >= 0);
  char *bytes = rs_alloc(200000);
  CHECK_EQ(fread(bytes, 1, 200000, from), 200000);
  CHECK_EQ(write(descriptor, bytes, 200000), 200000);
  CHECK(!rs_curves_load(path, NULL, error, sizeof error));
  CHECK(strstr(error, "cut short") || strstr(error, "unexpected end of file"));
  memset(bytes + 100000, 7, 1000); /* a damaged block */
  CHECK_EQ(pwrite(descriptor, bytes, 200000, 0), 200000);
  CHECK(!rs_curves_load(path, NULL, error, sizeof error));
  CHECK(strstr(error, "cannot read the table of curves") != NULL);
  unlink(path);
  close(descriptor);
  fclose(from);
  free(bytes);
}

const struct rs_test rs_tests[] = {
    {"curves: the committed table is whole", committed_table_is_whole},
    {"curves: a table is read as written", a_table_is_read_as_written},
    {"curves: bad tables are refused with file and line", bad_tables_are_refused},
    {"curves: broken files are refused", broken_files_are_refused},
    {0},
};
