/* pi.cpp -- the same API from C++: a small class that releases what it holds, and the number pi by chance. */
#include <cstdio>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "raysim.h"

namespace {

/* A reference that this program holds. */
class Ref {
public:
  Ref(raysim *ray, raysim_ref ref) : ray_(ray), ref_(ref)
  {
    if (raysim_is_none(ref))
      throw std::runtime_error(raysim_last_error());
  }
  Ref(Ref &&other) noexcept : ray_(other.ray_), ref_(other.ref_) { other.ray_ = nullptr; }
  Ref(const Ref &) = delete;
  Ref &operator=(const Ref &) = delete;
  ~Ref()
  {
    if (ray_)
      raysim_release(ray_, ref_);
  }

  template <class T> T get() const
  {
    raysim_value value;
    if (raysim_get(ray_, ref_, RAYSIM_FOREVER, &value) != 0) {
      std::runtime_error error(value.error ? value.error->message : "no value");
      raysim_value_free(&value);
      throw error;
    }
    T out = *static_cast<const T *>(value.bytes);
    raysim_value_free(&value);
    return out;
  }

private:
  raysim *ray_;
  raysim_ref ref_;
};

/* How many of `points` random points of the unit square lie in the circle. No exception may leave a function. */
int hits(raysim_context *context) noexcept
{
  const unsigned seed = *static_cast<const unsigned *>(raysim_arg(context, 0, nullptr));
  const int points = *static_cast<const int *>(raysim_arg(context, 1, nullptr));
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> side(0, 1);
  int inside = 0;
  for (int i = 0; i < points; i++) {
    const double x = side(random), y = side(random);
    inside += x * x + y * y <= 1;
  }
  return raysim_return(context, 0, &inside, sizeof inside);
}

} // namespace

extern "C" void raysim_register_functions(void)
{
  raysim_register("hits", hits);
}

int main()
{
  raysim *ray = nullptr;
  raysim_options options = {};
  options.num_cpus = 2;
  if (raysim_init(&options, &ray) != 0) {
    std::fprintf(stderr, "%s\n", raysim_last_error());
    return 1;
  }
  int status = 0;
  try {
    const int tasks = 8, points = 200000;
    std::vector<Ref> refs;
    for (unsigned seed = 0; seed < tasks; seed++) {
      const raysim_argument args[] = {RAYSIM_VALUE(seed), RAYSIM_VALUE(points)};
      refs.emplace_back(ray, raysim_submit(ray, "hits", args, 2, nullptr));
    }
    double inside = 0;
    for (const Ref &ref : refs)
      inside += ref.get<int>();
    std::printf("pi is about %.2f\n", 4 * inside / (static_cast<double>(tasks) * points));
  } catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    status = 1;
  }
  raysim_shutdown(ray);
  return status;
}
