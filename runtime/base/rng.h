/* rng.h -- the seeded random streams of the core: xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64.
 *
 * Every endpoint owns one stream; there is no global one. Same seed, same numbers, on every machine. Not thread-safe: a
 * stream belongs to whoever owns it.
 */
#ifndef RS_BASE_RNG_H
#define RS_BASE_RNG_H

#include <stdint.h>

struct rs_rng {
  uint64_t s[4];
};

void rs_rng_seed(struct rs_rng *rng, uint64_t seed);

/* A seed for a sub-stream, independent of its siblings: mixes seed and stream number. */
uint64_t rs_rng_derive(uint64_t seed, uint64_t stream);

uint64_t rs_rng_next(struct rs_rng *rng);

/* Uniform in [0, bound), without modulo bias (Lemire, 2019). bound > 0. */
uint64_t rs_rng_below(struct rs_rng *rng, uint64_t bound);

/* Uniform in [0, 1) with 53 bits: exact IEEE arithmetic, the same on every machine. */
double rs_rng_unit(struct rs_rng *rng);

/* The finaliser of splitmix64: a good 64-bit mixing function for hashes. */
uint64_t rs_mix64(uint64_t x);

#endif
