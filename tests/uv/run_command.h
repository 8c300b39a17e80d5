/* run_command.h -- runs a command of runtime/cli in this process; what it prints goes to `output`. */
#ifndef RS_TESTS_UV_RUN_COMMAND_H
#define RS_TESTS_UV_RUN_COMMAND_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"

#define RUN(command, ...)                                                                                              \
  run(command, (char *[]){(char *)(uintptr_t) "x", __VA_ARGS__, NULL},                                                 \
      sizeof((char *[]){"x", __VA_ARGS__}) / sizeof(char *))

static char output[65536];

static int run(int (*command)(int, char **), char **argv, size_t argc)
{
  char path[] = "/tmp/raysim-cli-XXXXXX";
  int fd = mkstemp(path), out = dup(1), err = dup(2);
  CHECK(fd >= 0);
  fflush(stdout);
  fflush(stderr);
  dup2(fd, 1);
  dup2(fd, 2);
  int rc = command((int)argc, argv);
  fflush(stdout);
  fflush(stderr);
  dup2(out, 1);
  dup2(err, 2);
  close(out);
  close(err);
  ssize_t n = pread(fd, output, sizeof output - 1, 0);
  output[n > 0 ? n : 0] = 0;
  close(fd);
  unlink(path);
  return rc;
}

#endif
