/* Words of the text form that printer and parser share; see text.c for the grammar. */
#ifndef QTMC_TIR_TEXT_H
#define QTMC_TIR_TEXT_H

#include "tir/infer.h"

/* indexed by TirType, by TirPortRole */
extern const char *const tir_type_word[3];
extern const char *const tir_memory_word[3];
extern const char *const tir_role_word[TIR_PORT_ROLES];
/* "port", "stream" or "at": the word before an operation's integer attribute. */
const char *tir_integer_word(TirOpcode op);
/* "to" or "rows": the word before an operation's second axis. */
const char *tir_axis2_word(TirOpcode op);
/* A character of a name that needs no quotes. */
bool tir_name_char(char c, bool first);

#endif
