/* kv.h -- what may be asked of the head's key-value store, by a KV message in a call ASK.
 *
 * Keys live in namespaces; both are any bytes. A put without `overwrite` leaves an entry that is there alone. The
 * answer's `count` is 1 where something was added, found or deleted, and the number of keys after KEYS, whose value is
 * u16 length and bytes of each, in order; `limit` bounds them.
 */
#ifndef RS_CORE_KV_H
#define RS_CORE_KV_H

#define RS_KV_SPACE_MAX 256u
#define RS_KV_KEY_MAX 1024u
#define RS_KV_VALUE_MAX (8u << 20)

enum rs_kv_op { RS_KV_PUT, RS_KV_GET, RS_KV_DELETE, RS_KV_EXISTS, RS_KV_KEYS };

#endif
