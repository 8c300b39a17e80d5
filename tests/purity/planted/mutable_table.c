/* wanted: is writable and not empty: rs_planted_names */
extern const char *rs_planted_names[2];
const char *rs_planted_names[2] = {"the pointers", "can be changed"};
