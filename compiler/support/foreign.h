/* Functions in C that a model declares with `extern fun`: the file that holds one made ready for the linker, or opened
 * and called where the compiler itself evaluates a formula. */
#ifndef QTMC_SUPPORT_FOREIGN_H
#define QTMC_SUPPORT_FOREIGN_H

#include "tir/tir.h"

/* NULL, or what is wrong with the file or the symbol; for a C file also when it declares the function with other than
 * `count` doubles. With `call` it is loaded and can be called afterwards; without, nothing of the file is run. Messages
 * of the C compiler go to standard error. */
const char *foreign_check(Arena *arena, TirExtern *external, uint32_t count, bool call);
/* The function of `count` numbers; NaN where it was not found. */
double foreign_call(TirExtern *external, const double *args, uint32_t count);
/* What the linker needs: words[0], and words[1] unless NULL. A C file is compiled to `object`. */
bool foreign_link(Arena *arena, const TirExtern *external, const char *object, const char **words);

#endif
