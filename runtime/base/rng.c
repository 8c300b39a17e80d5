#include "base/rng.h"

#include "base/assert.h"

uint64_t rs_mix64(uint64_t x)
{
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

uint64_t rs_rng_derive(uint64_t seed, uint64_t stream)
{
  return rs_mix64(rs_mix64(seed) ^ rs_mix64(~stream));
}

void rs_rng_seed(struct rs_rng *rng, uint64_t seed)
{
  for (int i = 0; i < 4; i++) {
    rng->s[i] = rs_mix64(seed);
    seed += 0x9e3779b97f4a7c15u;
  }
}

static uint64_t rotl(uint64_t x, int k)
{
  return (x << k) | (x >> (64 - k));
}

uint64_t rs_rng_next(struct rs_rng *rng)
{
  uint64_t *s = rng->s;
  uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotl(s[3], 45);
  return result;
}

__extension__ typedef unsigned __int128 wide;

uint64_t rs_rng_below(struct rs_rng *rng, uint64_t bound)
{
  RS_ASSERT(bound > 0);
  wide product = (wide)rs_rng_next(rng) * bound;
  if ((uint64_t)product < bound) {
    uint64_t floor = (0 - bound) % bound;
    while ((uint64_t)product < floor)
      product = (wide)rs_rng_next(rng) * bound;
  }
  return (uint64_t)(product >> 64);
}

double rs_rng_unit(struct rs_rng *rng)
{
  return (double)(rs_rng_next(rng) >> 11) * 0x1p-53;
}
