/* wanted: section .bss is writable and not empty: calls */
int rs_planted(void);
int rs_planted(void)
{
  static int calls;
  return ++calls;
}
