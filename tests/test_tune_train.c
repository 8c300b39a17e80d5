/* The built-in training function: that it learns, that it finds the optimum, that it can be cut anywhere, the same bits
 * everywhere, and what it says about bad arguments. */
#include "base/alloc.h"
#include "base/maths.h"
#include "check.h"
#include "lib/tune/train_logistic.h"
#include "lib/tune/wire.h"

#define LN_4 1.3862943611198906
#define EXPECTED UINT64_C(0xce94aebb4bc57d4)

struct outcome {
  const char *wrong;
  uint8_t *bytes;
  uint32_t size;
  struct rs_tune_metrics metrics;
  uint32_t calls, calls_max; /* of the callback; it ends the training after calls_max of them */
};

static double epoch_end(void *arg)
{
  struct outcome *outcome = arg;
  return ++outcome->calls > outcome->calls_max ? -1 : 0.25;
}

static struct rs_tune_work work_of(const struct rs_tune_value *values, uint32_t count, uint64_t to)
{
  return (struct rs_tune_work){.trial = 5, .seed = 42, .values = values, .value_count = count, .to = to, .fresh = true};
}

static struct outcome train(const struct rs_tune_work *work, uint32_t calls_max)
{
  struct outcome o = {.calls_max = calls_max};
  uint32_t bytes = rs_tune_work_bytes(work);
  uint8_t *args = rs_alloc(bytes);
  rs_tune_work_encode(work, args);
  o.wrong = rs_logistic_train(args, bytes, epoch_end, &o, &o.bytes, &o.size);
  free(args);
  bool whole = o.wrong ? !o.bytes && o.size == 0 : rs_tune_result_decode(o.bytes, o.size, &o.metrics);
  CHECK(whole);
  return o;
}

static struct outcome train_well(double rate, double batch, double l2, uint64_t epochs)
{
  struct rs_tune_value values[] = {{.number = rate}, {.number = batch}, {.number = l2}};
  struct rs_tune_work work = work_of(values, 3, epochs);
  struct outcome o = train(&work, UINT32_MAX);
  CHECK(!o.wrong);
  CHECK_EQ(o.metrics.count, epochs);
  CHECK_EQ(o.calls, epochs);
  CHECK_EQ(o.metrics.checkpoint_bytes, RS_LOGISTIC_WEIGHTS * 8);
  return o;
}

static void clean(struct outcome *o)
{
  free(o->bytes);
  free(o->metrics.epochs);
}

static double last_loss(double rate, double batch, double l2, uint64_t epochs)
{
  struct outcome o = train_well(rate, batch, l2, epochs);
  double loss = o.metrics.epochs[epochs - 1].value;
  clean(&o);
  return loss;
}

static void it_learns(void)
{
  CHECK_NEAR(last_loss(1e-12, 32, 0, 1), LN_4, 1e-9); /* untrained: every class as likely */
  struct outcome o = train_well(0.1, 32, 0, 20);
  CHECK(o.metrics.epochs[0].value < 1.2);
  CHECK(o.metrics.epochs[19].value < o.metrics.epochs[0].value - 0.1);
  CHECK(o.metrics.epochs[0].seconds == 0.25);
  clean(&o);
  /* whole-batch descent with a small rate goes down at every step */
  o = train_well(0.05, RS_LOGISTIC_TRAIN, 0, 40);
  for (uint32_t i = 1; i < 40; i++)
    CHECK(o.metrics.epochs[i].value < o.metrics.epochs[i - 1].value);
  clean(&o);
  /* the parameters matter */
  double good = last_loss(0.1, 32, 0, 10);
  CHECK(last_loss(0.001, 32, 0, 10) > good + 0.05);
  CHECK(last_loss(0.1, 32, 1, 10) > good + 0.1);
  CHECK(last_loss(20, 8, 0, 10) > good + 0.1);
}

/* The objective is convex: whole-batch descent ends in one optimum, whatever the rate, and stays there. */
static void it_finds_the_one_optimum(void)
{
  struct outcome slow = train_well(0.5, RS_LOGISTIC_TRAIN, 0.05, 3000), fast = train_well(1.5, 1024, 0.05, 3000);
  CHECK_NEAR(slow.metrics.epochs[2999].value, fast.metrics.epochs[2999].value, 1e-9);
  CHECK_NEAR(slow.metrics.epochs[2999].value, slow.metrics.epochs[2990].value, 1e-10);
  /* with a penalty on all weights but the biases, at the optimum the weights of each feature sum to 0 over the classes
   */
  double w[RS_LOGISTIC_WEIGHTS];
  memcpy(w, slow.metrics.checkpoint, sizeof w); /* the machines of the tests are little-endian */
  for (uint32_t j = 0; j < RS_LOGISTIC_FEATURES; j++) {
    double sum = 0, most = 0;
    for (uint32_t c = 0; c < RS_LOGISTIC_CLASSES; c++) {
      double v = w[c * (RS_LOGISTIC_FEATURES + 1) + j];
      sum += v;
      most = v > most ? v : most;
    }
    CHECK_NEAR(sum, 0, 1e-9);
    CHECK(most > 0.001);
  }
  clean(&slow);
  clean(&fast);
}

/* Trained in one go, or one epoch a call from checkpoint to checkpoint: the same bytes. */
static void it_may_be_cut_anywhere(void)
{
  struct rs_tune_value values[] = {{.number = 0.3}, {.number = 10}, {.number = 0.001}};
  struct outcome whole = train_well(0.3, 10, 0.001, 12), part = {0};
  uint64_t cuts[] = {1, 2, 5, 11, 12}, from = 0;
  for (uint32_t i = 0; i < 5; i++) {
    struct rs_tune_work work = work_of(values, 3, cuts[i]);
    work.from = from;
    work.fresh = i % 2 == 0;
    work.checkpoint = part.metrics.checkpoint;
    work.checkpoint_bytes = part.metrics.checkpoint_bytes;
    struct outcome next = train(&work, UINT32_MAX);
    CHECK(!next.wrong);
    CHECK_EQ(next.metrics.count, cuts[i] - from);
    for (uint32_t e = 0; e < next.metrics.count; e++)
      CHECK(next.metrics.epochs[e].value == whole.metrics.epochs[from + e].value);
    clean(&part);
    part = next;
    from = cuts[i];
  }
  CHECK_EQ(part.metrics.checkpoint_bytes, whole.metrics.checkpoint_bytes);
  CHECK(memcmp(part.metrics.checkpoint, whole.metrics.checkpoint, whole.metrics.checkpoint_bytes) == 0);
  clean(&part);
  clean(&whole);
}

/* One number for many results: the same on every machine and for every compiler option. */
static void the_same_bits_everywhere(void)
{
  uint64_t hash = 0;
  for (uint32_t i = 0; i < 12; i++) {
    struct rs_tune_value values[] = {
        {.number = rs_pow(10, 0.5 * i - 4)}, {.number = 1 + 93 * i}, {.number = 0.001 * i}};
    struct rs_tune_work work = work_of(values, i % 4, 4);
    work.seed = i;
    struct outcome o = train(&work, UINT32_MAX);
    CHECK(!o.wrong);
    for (uint32_t k = 0; k < o.size; k++)
      hash = rs_mix64(hash ^ o.bytes[k]);
    clean(&o);
  }
  if (hash != EXPECTED)
    printf("\n    %#" PRIx64 "\n", hash);
  CHECK(hash == EXPECTED);
}

static void weights_beyond_all_numbers(void)
{
  struct outcome o = train_well(1e300, 8, 1, 3);
  CHECK(rs_is_nan(o.metrics.epochs[2].value));
  clean(&o);
}

static void refused(double rate, double batch, double l2, const char *part)
{
  struct rs_tune_value values[] = {{.number = rate}, {.number = batch}, {.number = l2}};
  struct rs_tune_work work = work_of(values, 3, 1);
  struct outcome o = train(&work, UINT32_MAX);
  CHECK(o.wrong && strstr(o.wrong, part));
  CHECK_EQ(o.calls, 0);
}

static void bad_arguments(void)
{
  refused(0, 32, 0, "learning rate");
  refused(-1, 32, 0, "learning rate");
  refused(RS_NAN, 32, 0, "learning rate");
  refused(RS_INFINITY, 32, 0, "learning rate");
  refused(0.1, 0.4, 0, "batch size");
  refused(0.1, 1025, 0, "batch size");
  refused(0.1, RS_NAN, 0, "batch size");
  refused(0.1, 32, -1e-9, "l2");
  refused(0.1, 32, RS_NAN, "l2");
  struct rs_tune_value values[4] = {{.number = 0.1}, {.number = 32}};
  struct rs_tune_work work = work_of(values, 4, 1);
  CHECK(train(&work, UINT32_MAX).wrong != NULL); /* four parameters */
  work = work_of(values, 3, 2);
  work.from = 1;
  struct outcome o = train(&work, UINT32_MAX); /* no checkpoint */
  CHECK(o.wrong && strstr(o.wrong, "checkpoint"));
  uint8_t short_one[RS_LOGISTIC_WEIGHTS * 8 - 8] = {0};
  work.checkpoint = short_one;
  work.checkpoint_bytes = sizeof short_one;
  CHECK(train(&work, UINT32_MAX).wrong != NULL);
  uint8_t *out;
  uint32_t size;
  CHECK(rs_logistic_train(short_one, 39, epoch_end, &o, &out, &size) != NULL && !out);
}

static void it_ends_early_when_told(void)
{
  struct rs_tune_work work = work_of(NULL, 0, 100);
  struct outcome o = train(&work, 3);
  CHECK_STR(o.wrong, "cancelled");
  CHECK_EQ(o.calls, 4);
}

const struct rs_test rs_tests[] = {
    {"train: it learns", it_learns},
    {"train: it finds the one optimum", it_finds_the_one_optimum},
    {"train: it may be cut anywhere", it_may_be_cut_anywhere},
    {"train: the same bits everywhere", the_same_bits_everywhere},
    {"train: weights beyond all numbers", weights_beyond_all_numbers},
    {"train: bad arguments", bad_arguments},
    {"train: it ends early when told", it_ends_early_when_told},
    {0},
};
