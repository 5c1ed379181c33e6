/* Units: products of rational powers of base units (`unit GeV`). Every other unit is a number times such a product, and
 * every value is held in base units, so a unit is only something that is checked: no operation comes of it. A unit is
 * interned (equal units are equal pointers); NULL is the unit of a pure number. */
#ifndef QTMC_SEMA_UNIT_H
#define QTMC_SEMA_UNIT_H

#include "sema/sema.h"

typedef struct UnitPower {
    const HirDecl *base;
    int32_t over, under; /* exponent over / under in lowest terms, under > 0, over != 0 */
} UnitPower;

struct Unit {
    const Unit *next; /* of all units of this elaboration */
    uint32_t count;
    UnitPower power[]; /* by the name of the base */
};

/* --- algebra; false when an exponent leaves what can be written --- */
/* a b^sign */
bool unit_product(Elab *e, const Unit *a, const Unit *b, int sign, const Unit **result);
bool unit_power(Elab *e, const Unit *a, double exponent, const Unit **result);
const char *unit_text(Elab *e, const Unit *unit); /* "GeV^2", "GeV^(1/2)*m^-1", "a pure number" */
/* "the unit GeV", "no unit": for `this has ...` */
const char *unit_has_text(Elab *e, const Unit *unit);

/* --- evaluation --- */
/* A unit as a value: 1 of it, in base units. Evaluated once. */
Value unit_value(Elab *e, HirDecl *decl, Span span);
Value unit_quantity(Elab *e, const AstNode *node);
/* What stands behind a colon, `: pb/GeV^2`: a unit, and how much one of what was written is in base units. Without a
 * type, a pure number and 1. False after a report. */
bool unit_of_type(Elab *e, const AstNode *type, const Unit **unit, double *scale);
/* `1.9` or `1.9 GeV^2` where something of that type is declared, in base units; `what` is "the start". False after a
 * report. */
bool unit_number(Elab *e, const Value *v, const AstNode *type, const char *what, double *number);

/* A pure number, as a sampler gives it, becomes a quantity of that type, in base units; a quantity stays one. */
bool unit_attach(Elab *e, const AstNode *type, Value *v, Span span);
/* "pb/GeV^2" as written, or NULL without a type. */
const char *unit_type_text(Elab *e, const AstNode *type);

/* --- checks --- */
/* The unit of the result of an elementwise operation; false after a report. */
bool unit_of_map(Elab *e, TirOpcode op, Span span, const Value *args, uint32_t count, const Unit **result);
/* v^points, the product over so many points, which must be known; false after a report. */
bool unit_of_product(Elab *e, const Value *v, Value points, const Unit **result);
/* Equal units, where a known 0 or inf has any; false after a report that names what is done with them ("a list"). */
bool unit_same(Elab *e, Span span, const Value *a, const Value *b, const char *what, const Unit **result);
bool unit_fits(const Value *v, const Unit *unit);
/* Reports a value with a unit where only a pure number makes sense: "the argument of exp". */
bool unit_pure(Elab *e, const Value *v, Span span, const char *what);
/* An argument, or the result, against its declaration. */
bool unit_check_argument(Elab *e, const Value *v, const AstNode *arg, const HirDecl *decl);
/* A drawn value against the declaration of its field. */
bool unit_check_field(Elab *e, const Value *v, const AstNode *field);
bool unit_check_result(Elab *e, const Value *v, const HirDecl *decl);

#endif
