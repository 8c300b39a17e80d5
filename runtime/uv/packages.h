/* packages.h -- what programs send along for their functions, on a node: working directories, libraries of functions.
 *
 * A package is an object of the store, made by the program (or task) that names it, and known by the hash of its bytes.
 * On each node it lies once, in SESSION/n<node>.<incarnation>/packages/<hash>/: the first worker that needs it brings
 * it there, the others wait for that. A worker holds a lock on it as long as it lives. When its object goes, because
 * the program has ended, the node removes the folder as soon as no worker uses it.
 */
#ifndef RS_UV_PACKAGES_H
#define RS_UV_PACKAGES_H

#include "uv/front.h"

#define RS_PACKAGE_HASH 33                         /* 32 digits and the final 0 */
#define RS_PACKAGE_BYTES_MAX (UINT64_C(250) << 20) /* as in Ray */

void rs_package_hash(const void *bytes, size_t size_bytes, char hash[RS_PACKAGE_HASH]);

/* In a worker, on a thread that runs functions: the package is on this node, and stays there as long as this process
 * lives. `file`: what the object is the contents of, or NULL: it is an archive (archive.h). `folder` has RS_UV_PATH_MAX
 * bytes. 0, or -1 and the reason. */
int rs_package_enter(struct rs_front *front, const char *hash, struct rs_id object, const char *file, char *folder,
                     char *why, size_t cap);

/* ---- in the process of a node; with the lock ---- */

bool rs_packages_on_frame(struct rs_proc *proc, struct rs_reader *r); /* a worker uses one; false: malformed */
void rs_packages_freed(struct rs_proc *proc, struct rs_id object);    /* an object of this node is gone */
void rs_packages_worker_ended(struct rs_proc *proc);
uint64_t rs_packages_timer(struct rs_proc *proc, uint64_t now); /* what is due; the next time */
void rs_packages_free(struct rs_proc *proc);

#endif
