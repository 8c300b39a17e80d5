/* types.c -- the printed form of ids.
 *
 * 28 bytes as Ray prints them: the owner's address (8), 12 zero bytes, the sequence number (8), each most significant
 * byte first. So ids of one owner share a prefix and sort by sequence number, and two ids never print alike.
 */
#include "core/types.h"

static void hex(char *out, uint64_t value)
{
  for (int i = 15; i >= 0; i--, value >>= 4)
    out[i] = "0123456789abcdef"[value & 15];
}

void rs_id_hex(struct rs_id id, char out[RS_ID_HEX])
{
  hex(out, id.owner);
  for (int i = 16; i < 40; i++)
    out[i] = '0';
  hex(out + 40, id.seq);
  out[56] = 0;
}
