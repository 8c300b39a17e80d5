/* wanted: section .data is writable and not empty: rs_planted_limit */
extern int rs_planted_limit;
int rs_planted_limit = 7;
