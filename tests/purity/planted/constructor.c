/* wanted: section .init_array is writable and not empty */
void *rs_planted_place(void);
__attribute__((constructor)) static void before_main(void)
{
  __asm__ volatile("");
}
