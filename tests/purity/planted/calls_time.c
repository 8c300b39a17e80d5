/* wanted: time is referenced */
#include <time.h>

long rs_planted(void);
long rs_planted(void)
{
  return (long)time(0);
}
