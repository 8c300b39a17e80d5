/* effects.c -- releasing what a list of effects holds. */
#include <stdlib.h>

#include "core/io.h"

void rs_effects_clear(struct rs_effects *effects)
{
  for (uint32_t i = 0; i < effects->count; i++) {
    struct rs_effect *effect = &effects->items[i];
    switch (effect->kind) {
    case RS_OUT_SEND:
    case RS_OUT_SEND_MANY: rs_msg_unref(effect->msg); break;
    case RS_OUT_TASK_RUN: rs_task_unref(effect->task); break;
    case RS_OUT_REPLY: rs_reply_free(effect->reply); break;
    default: break;
    }
  }
  effects->count = 0;
}

void rs_effects_free(struct rs_effects *effects)
{
  rs_effects_clear(effects);
  free(effects->items);
  *effects = (struct rs_effects){0};
}
