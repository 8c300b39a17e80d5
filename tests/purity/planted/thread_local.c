/* wanted: section .tbss is writable and not empty: last */
int *rs_planted(void);
int *rs_planted(void)
{
  static _Thread_local int last;
  return &last;
}
