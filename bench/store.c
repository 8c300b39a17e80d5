/* store.c -- the object store of one real node, beside a copy into warm shared memory in the same run. One JSON object.
 *
 *   put_gb_per_s      raysim_put of SIZE bytes, over and over: room, copy, seal; each is released before the next
 *   memcpy_gb_per_s   memcpy of the same bytes into a shared mapping that has been written before
 *   create_seal_per_s objects of 200 KB that are made without writing a byte of them
 *   get_us            the first get of an object of the store: the core, the raylet, the mapping
 *   again_get_us      a get of one that this program has just let go
 *   held_get_us       a get of one that this program holds
 *   fresh_put_gb_per_s as the first, but as many as memory holds are kept: into pages that are fresh
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "api/raysim.h"

enum { ROUNDS = 20, SMALL = 200000, MADE = 2000, GETS = 1000, HELD = 200000 };
#define SIZE ((size_t)100 << 20)

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fail(const char *what)
{
  fprintf(stderr, "bench/store: %s: %s\n", what, raysim_last_error());
  exit(1);
}

static int compare(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, int count)
{
  qsort(values, (size_t)count, sizeof *values, compare);
  return values[count / 2];
}

/* Puts and plain copies alternate, so that both meet the same machine. */
static void large(struct raysim *ray, const char *bytes, double *put, double *copy)
{
  char *warm = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (warm == MAP_FAILED)
    exit(1);
  memset(warm, 1, SIZE);
  double puts[ROUNDS], copies[ROUNDS];
  for (int i = -2; i < ROUNDS; i++) {
    double begin = now();
    raysim_ref ref = raysim_put(ray, bytes, SIZE);
    double end = now();
    struct raysim_value value;
    if (raysim_get(ray, ref, 10000, &value) != 0)
      fail("put");
    if (memcmp(value.bytes, bytes, 4096) != 0)
      exit(1);
    raysim_value_free(&value);
    raysim_release(ray, ref);
    double copied = now();
    memcpy(warm, bytes, SIZE);
    double last = now();
    if (i >= 0) {
      puts[i] = end - begin;
      copies[i] = last - copied;
    }
  }
  *put = (double)SIZE / median(puts, ROUNDS) / 1e9;
  *copy = (double)SIZE / median(copies, ROUNDS) / 1e9;
  munmap(warm, SIZE);
}

static double fresh(struct raysim *ray, const char *bytes)
{
  enum { KEPT = 12 };
  raysim_ref refs[KEPT];
  double begin = now();
  for (int i = 0; i < KEPT; i++)
    refs[i] = raysim_put(ray, bytes, SIZE);
  double rate = KEPT * (double)SIZE / (now() - begin) / 1e9;
  for (int i = 0; i < KEPT; i++)
    raysim_release(ray, refs[i]);
  return rate;
}

/* Microseconds of a get of each of the objects, so many times one after the other. */
static double time_gets(struct raysim *ray, const raysim_ref *refs, int count, int times)
{
  struct raysim_value value;
  double begin = now();
  for (int i = 0; i < count; i++)
    for (int k = 0; k < times; k++) {
      if (raysim_get(ray, refs[i], 10000, &value) != 0)
        fail("get");
      raysim_value_free(&value);
    }
  return 1e6 * (now() - begin) / count / times;
}

int main(void)
{
  struct raysim *ray;
  struct raysim_options options = {.num_cpus = 1, .object_store_bytes = UINT64_C(2) << 30};
  if (raysim_init(&options, &ray) != 0)
    fail("init");
  char *bytes = malloc(SIZE);
  for (size_t i = 0; i < SIZE; i++)
    bytes[i] = (char)(i * 7);
  double put, copy;
  large(ray, bytes, &put, &copy);
  double begin = now();
  for (int i = 0; i < MADE; i++) {
    struct raysim_buffer buffer;
    if (raysim_create(ray, SMALL, 10000, &buffer) != 0)
      fail("create");
    raysim_release(ray, raysim_seal(ray, &buffer, NULL, 0));
  }
  double made = MADE / (now() - begin);
  static raysim_ref refs[GETS];
  for (int i = 0; i < GETS; i++)
    refs[i] = raysim_put(ray, bytes, SMALL);
  double get_us = time_gets(ray, refs, GETS, 1), again_us = time_gets(ray, refs, 1, HELD);
  raysim_ref ref = refs[0];
  struct raysim_value value, again;
  raysim_get(ray, ref, 10000, &value);
  begin = now();
  for (int i = 0; i < HELD; i++) {
    if (raysim_get(ray, ref, 10000, &again) != 0)
      fail("get");
    raysim_value_free(&again);
  }
  double held_us = 1e6 * (now() - begin) / HELD;
  raysim_value_free(&value);
  for (int i = 0; i < GETS; i++)
    raysim_release(ray, refs[i]);
  double many = fresh(ray, bytes);
  printf("{\"put_gb_per_s\": %.2f, \"memcpy_gb_per_s\": %.2f, \"put_over_memcpy\": %.3f, \"create_seal_per_s\": %.0f, "
         "\"get_us\": %.1f, \"again_get_us\": %.2f, \"held_get_us\": %.2f, \"fresh_put_gb_per_s\": %.2f, "
         "\"size_bytes\": %zu}\n",
         put, copy, put / copy, made, get_us, again_us, held_us, many, SIZE);
  raysim_shutdown(ray);
  free(bytes);
  return 0;
}
