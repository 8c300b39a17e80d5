/* wanted: exp is referenced */
double exp(double x);
double rs_planted(double x);
double rs_planted(double x)
{
  return exp(x);
}
