/* wanted: pure */
extern const char *const rs_planted_names[2];
const char *const rs_planted_names[2] = {"nobody", "can change these"};
