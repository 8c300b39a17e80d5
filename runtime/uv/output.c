/* output.c -- see output.h: the files of workers, and telling their news. */
#include "uv/output.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const suffixes[] = {"out", "err"};

static void path_of(char *out, size_t cap, const char *session, rs_addr worker, const char *suffix)
{
  snprintf(out, cap, "%s/logs/worker-%u.%u-%u.%s", session, rs_addr_node(worker), rs_addr_incarnation(worker),
           rs_addr_ep(worker), suffix);
}

void rs_output_open(struct rs_output *output, const char *session, rs_addr self)
{
  char path[RS_UV_PATH_MAX + 64];
  *output = (struct rs_output){.check_at = RS_TIME_NEVER};
  snprintf(path, sizeof path, "%s/logs", session);
  mkdir(path, 0700);
  for (int i = 0; i < 2; i++) {
    path_of(path, sizeof path, session, self, suffixes[i]);
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
      return; /* they go where the node's go */
    dup2(fd, 1 + i);
    close(fd);
  }
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
  path_of(path, sizeof path, session, self, "pos");
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  void *map = MAP_FAILED;
  if (fd >= 0 && ftruncate(fd, sizeof *output->position) == 0)
    map = mmap(NULL, sizeof *output->position, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (fd >= 0)
    close(fd);
  if (map == MAP_FAILED)
    return;
  output->position = map;
  output->position->pid = (uint32_t)getpid();
}

void rs_output_task(struct rs_output *output, struct rs_proc *proc, const struct rs_task *task, const char *name)
{
  struct rs_output_position *p = output->position;
  if (!p)
    return;
  rs_addr job = rs_task_job(task);
  char shown[RS_OUTPUT_NAME_MAX];
  output->ran = true;
  if (task->flags & RS_TASK_ACTOR_CALL) /* calls go by their actor's class */
    snprintf(shown, sizeof shown, "%s", p->name);
  else if (task->name_bytes)
    snprintf(shown, sizeof shown, "%.*s", (int)task->name_bytes, rs_task_name(task));
  else
    snprintf(shown, sizeof shown, "%s", name);
  bool same = strcmp(p->name, shown) == 0;
  if (p->job != job || !same) {
    if (p->job)
      rs_output_tell(output, proc, true); /* what came before is the other's */
    p->job = job;
    if (!same)
      memcpy(p->name, shown, sizeof p->name);
  }
  if (output->armed || !proc->setup.config.log_to_driver)
    return;
  output->armed = true;
  output->check_at = rs_proc_now(proc) + RS_OUTPUT_CHECK_MS * RS_MS;
  if (output->check_at < proc->role_deadline) {
    proc->role_deadline = output->check_at;
    rs_proc_wake(proc);
  }
}

/* Sends bytes of one stream to the job's program. */
static void send_bytes(struct rs_proc *proc, rs_addr worker, const struct rs_output_position *p, unsigned stream,
                       uint64_t left_out, const char *bytes, size_t count)
{
  uint8_t head[128];
  struct rs_writer w = {head, sizeof head, 0};
  rs_put_u64(&w, worker);
  rs_put_u32(&w, p->pid);
  rs_put_u8(&w, (uint8_t)stream);
  rs_put_u64(&w, left_out);
  rs_put_text(&w, p->name);
  struct rs_peer *peer = rs_peer_get(proc, p->job);
  rs_peer_send(proc, peer, RS_FRAME_OUTPUT, head, w.size, bytes, count);
}

/* What one file has beyond p->sent. */
static void tell_stream(struct rs_proc *proc, rs_addr worker, struct rs_output_position *p, int fd, unsigned stream,
                        bool all)
{
  struct stat st;
  if (fstat(fd, &st) != 0 || (uint64_t)st.st_size <= p->sent[stream])
    return;
  uint64_t fresh = (uint64_t)st.st_size - p->sent[stream], left_out = 0;
  if (fresh > RS_OUTPUT_BYTES_MAX) {
    left_out = fresh - RS_OUTPUT_BYTES_MAX;
    fresh = RS_OUTPUT_BYTES_MAX;
  }
  char *bytes = rs_alloc(fresh);
  ssize_t got = pread(fd, bytes, fresh, (off_t)(p->sent[stream] + left_out));
  size_t count = got > 0 ? (size_t)got : 0;
  while (!all && count > 0 && bytes[count - 1] != '\n')
    count--;
  if (count > 0) {
    send_bytes(proc, worker, p, stream, left_out, bytes, count);
    p->sent[stream] += left_out + count;
  }
  free(bytes);
}

void rs_output_tell(struct rs_output *output, struct rs_proc *proc, bool all)
{
  if (!output->position || !output->position->job || !proc->setup.config.log_to_driver)
    return;
  for (unsigned i = 0; i < 2; i++)
    tell_stream(proc, proc->self, output->position, 1 + (int)i, i, all);
}

uint64_t rs_output_timer(struct rs_output *output, struct rs_proc *proc, uint64_t now)
{
  if (!output->armed || now < output->check_at)
    return output->armed ? output->check_at : RS_TIME_NEVER;
  rs_output_tell(output, proc, false);
  output->armed = output->ran;
  output->ran = false;
  output->check_at = now + RS_OUTPUT_CHECK_MS * RS_MS;
  return output->armed ? output->check_at : RS_TIME_NEVER;
}

void rs_output_worker_gone(struct rs_proc *proc, rs_addr worker)
{
  char path[RS_UV_PATH_MAX + 64];
  struct rs_output_position p;
  path_of(path, sizeof path, proc->session, worker, "pos");
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return;
  bool fine = pread(fd, &p, sizeof p, 0) == (ssize_t)sizeof p;
  bool told = fine && p.job && proc->setup.config.log_to_driver;
  close(fd);
  unlink(path);
  p.name[sizeof p.name - 1] = 0;
  for (unsigned i = 0; fine && i < 2; i++) {
    path_of(path, sizeof path, proc->session, worker, suffixes[i]);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
      continue;
    if (told)
      tell_stream(proc, worker, &p, fd, i, true);
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_size == 0)
      unlink(path);
    close(fd);
  }
}
