/* store_int.h -- the store's state, shared by store.c (the directory and pins), store_room.c (room, eviction, spilling)
 * and store_pull.c (pulls, and serving those of other nodes). */
#ifndef RS_CORE_STORE_INT_H
#define RS_CORE_STORE_INT_H

#include "core/raylet_int.h"
#include "core/store.h"

enum object_state {
  OBJECT_ROOM,      /* whoever makes it waits for room: in store->creates */
  OBJECT_MAKING,    /* its file on the disk is being made, since memory has no room */
  OBJECT_WRITING,   /* its creator has room and writes */
  OBJECT_QUEUED,    /* wanted here: in store->pulls */
  OBJECT_ASKING,    /* its source has been asked whether it may be taken */
  OBJECT_PULLING,   /* COPY is under way */
  OBJECT_RESTORING, /* RESTORE is under way */
  OBJECT_HERE,      /* sealed, readable */
  OBJECT_SPILLED    /* sealed, on the disk alone */
};

struct want {
  struct waiting *lease; /* or */
  rs_addr who;
  bool pin;    /* for `who`, once it is here */
  bool create; /* `who` wanted to make it: it has room or is told that the object exists */
};

struct reader {
  rs_addr who;
  uint32_t count;
};

struct object {
  struct rs_link link;     /* in creates, pulls, asking, lru or spillable */
  struct rs_link ask_link; /* in asked while somebody waits to take it */
  struct rs_id id;
  uint64_t size_bytes;
  uint64_t file; /* of the SPILL under way */
  enum object_state state;
  uint32_t pins, leases; /* of the pins: those of granted leases */
  rs_addr creator;       /* the process that makes or made it, until that is gone */
  rs_addr source;        /* while ASKING or PULLING */
  uint8_t reason;        /* enum rs_pull_reason: the most urgent of those who want it */
  bool primary, freed;
  bool made;                   /* created here while it is being pulled: the pull's end makes it primary */
  bool sealed;                 /* in ROOM or MAKING: nobody writes it, it is there with its room */
  bool spilling;               /* SPILL is under way */
  bool on_disk;                /* the disk has its bytes */
  bool in_file;                /* it takes no memory: it is written to or read from its file */
  bool granted;                /* its source waits for our OBJECT_TAKEN */
  bool wary;                   /* a source was silent: from now on each is asked first */
  bool late;                   /* its source is, and its owner has been asked for others */
  uint64_t asked_at, fails_at; /* while ASKING or PULLING */
  rs_addr *locations;
  uint32_t location_count, location_tried, location_cap; /* the first location_tried have been asked */
  struct want *wants;
  uint32_t want_count, want_cap;
  struct reader *readers;
  uint32_t reader_count, reader_cap;
  rs_addr *sends; /* raylets that are taking it */
  uint32_t send_count, send_cap;
  rs_addr *asks; /* raylets that wait to take it, first come first served */
  uint32_t ask_count, ask_cap;
};

enum { PULL_REASONS = 3 };

struct spill_batch {
  uint64_t file;
  uint32_t left;
};

struct rs_store {
  struct rs_map objects;
  struct rs_link creates;
  struct rs_link pulls[2][PULL_REASONS]; /* [0]: from other nodes, [1]: from the disk */
  struct rs_link lru;                    /* copies that may go: secondary, or also on the disk */
  struct rs_link spillable;              /* primary copies without one on the disk, least recently used first */
  struct rs_link asked;
  struct rs_link asking;   /* in the order of their asked_at */
  uint64_t capacity_bytes; /* 0: no limit */
  /* sums over the objects: see rs_store_count */
  uint64_t used_bytes, pulling_bytes, leased_bytes, unspilled_bytes, spilling_bytes, disk_bytes, sending_bytes;
  uint32_t pulling_count, restoring_count, primary_count;
  struct spill_batch *batches;
  uint32_t batch_count, batch_cap;
  uint64_t last_file;
  uint64_t short_bytes;   /* somebody waits for so much room; 0: nobody */
  uint64_t stuck_since;   /* since when nothing has helped them; RS_TIME_NEVER: nobody waits */
  uint64_t disk_retry_at; /* the disk was full: not used before then */
  bool stirred;           /* rs_store_settle has something to look at */
  bool held_primary;      /* as the last report knows it */
};

/* ---- store.c ---- */
struct object *rs_store_find(struct rs_store *s, struct rs_id id);
struct object *rs_store_add(struct rs_store *s, struct rs_id id, uint64_t size_bytes);
void rs_store_forget(struct rs_store *s, struct object *o); /* it is not counted any more */
/* What an object adds to the sums; taken out before a change of its state or flags, and put back after it. */
void rs_store_uncount(struct rs_store *s, const struct object *o);
void rs_store_count(struct rs_store *s, const struct object *o);
void rs_store_place(struct rs_store *s, struct object *o);    /* into the list that its state asks for */
void rs_store_rest(struct rs_endpoint *ep, struct object *o); /* nobody may use it now: it stays, goes, or is freed */
void rs_store_discard(struct rs_endpoint *ep, struct object *o);                      /* memory, disk and entry go */
void rs_store_arrive(struct rs_endpoint *ep, struct object *o, bool primary);         /* it is HERE: everyone is told */
void rs_store_tell(struct rs_endpoint *ep, struct object *o, int status);             /* all who want it */
void rs_store_reply(struct rs_endpoint *ep, rs_addr to, struct rs_id id, int status); /* PULLED */
void rs_store_reply_room(struct rs_endpoint *ep, rs_addr to, struct rs_id id, int status); /* OBJECT_ROOM */
void rs_store_add_want(struct object *o, struct want want);
void rs_store_give_up(struct rs_endpoint *ep, struct object *o, int status); /* no bytes will come: all are told */
static inline bool rs_store_bytes_here(const struct object *o)
{
  return o->state == OBJECT_HERE || o->on_disk;
}

/* ---- store_room.c ---- */
bool rs_store_make_room(struct rs_endpoint *ep, uint64_t size_bytes); /* evicts; false: not enough */
void rs_store_enqueue_create(struct rs_endpoint *ep, struct object *o, rs_addr creator, bool sealed);
/* For one that found no room: true when the time has come to use the disk instead of memory. */
bool rs_store_may_use_disk(struct rs_endpoint *ep, uint64_t size_bytes);
bool rs_store_disk_has_room(const struct rs_endpoint *ep, uint64_t size_bytes);
void rs_store_settle_creates(struct rs_endpoint *ep);
void rs_store_settle_spills(struct rs_endpoint *ep);

/* ---- store_pull.c ---- */
void rs_store_enqueue_pull(struct rs_endpoint *ep, struct object *o);
void rs_store_unwanted(struct rs_endpoint *ep, struct object *o); /* a queued pull that nobody waits for ends */
void rs_store_settle_pulls(struct rs_endpoint *ep);
void rs_store_settle_sends(struct rs_endpoint *ep);
void rs_store_settle_asks(struct rs_endpoint *ep);
uint64_t rs_store_ask_deadline(const struct rs_endpoint *ep); /* of the source that has been silent for longest */
void rs_store_refuse_asks(struct rs_endpoint *ep, struct object *o);
bool rs_store_pull_on_message(struct rs_endpoint *ep, rs_addr from, const struct rs_msg *msg);
bool rs_store_pull_concerns(const struct object *o, rs_addr peer);
void rs_store_pull_peer_down(struct rs_endpoint *ep, struct object *o, rs_addr peer);

#endif
