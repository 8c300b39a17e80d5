/* raysimd.c -- the program of every process of a cluster: head, node, worker. It needs libuv and libsodium alone. */
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "uv/uv.h"

void rs_panic(const char *text)
{
  fprintf(stderr, "raysimd: %s\n", text);
}

void rs_no_memory(size_t bytes)
{
  fprintf(stderr, "raysimd: out of memory: %zu more bytes are not there\n", bytes);
  _exit(1);
}

int main(int argc, char **argv)
{
  return rs_uv_daemon_main(argc, argv);
}
