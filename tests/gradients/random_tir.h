/* Random tensor programs, and what the tests of differentiation and of the passes do with them. A program is a function
 * with a few real inputs over small axes (one of them dynamic) and one scalar loss that is smooth almost everywhere and
 * of order one. The same seed gives the same program. Included as source by the tests (random_tir.c). */
#ifndef QTM_TESTS_RANDOM_TIR_H
#define QTM_TESTS_RANDOM_TIR_H

#include "tir/tir.h"

enum { RANDOM_AXES = 6, RANDOM_INPUTS = 8, RANDOM_EXTENT = 5, RANDOM_SEED = 11, RANDOM_STEP = 3 };

typedef struct Random {
    uint64_t state;
} Random;
double random_real(Random *r, double low, double high);
uint32_t random_below(Random *r, uint32_t n);

/* A function with bindings for its inputs. */
typedef struct Program {
    Arena arena;
    TirFunction *f;
    TirAxisId axis[RANDOM_AXES]; /* batch 3, 2, 3, 4, 3, dynamic */
    TirAxisId flat;              /* as long as 1 and 2 together; no value of the pool has it */
    uint32_t input_count;        /* inputs that derivatives are taken by; further ports may follow */
    TirTensor inputs[2 * RANDOM_INPUTS];
    double *direction[RANDOM_INPUTS];
} Program;

/* An empty function with the axes, and an input of random values in [low, high] over `axes`. */
void program_start(Program *p);
TirId program_input(Program *p, Random *r, TirAxes axes, double low, double high);
/* Output 0: the loss, a sum of sin(v) times random numbers. */
void program_loss(Program *p, Random *r, TirId v);
/* A whole program of about `length` operations; with `stop`, stop may be among them. */
void program_random(Program *p, uint64_t seed, uint32_t length, bool stop);
void program_free(Program *p);

TirTensor *program_run(const Program *p, Arena *arena);
/* Moves every input by t times its direction. */
void program_move(Program *p, double t);
/* Appends gradients of output `loss` by all inputs; returns the number of the first output port. */
uint32_t program_gradient(Program *p, uint32_t loss);
/* NULL, or how gradients (outputs from `gradients`) differ from central differences of output `loss`. */
const char *program_check_first(Program *p, uint32_t loss, uint32_t gradients, double tolerance);
/* Appends s = <gradient, direction> and its gradient, and compares that with differences of the gradients. */
const char *program_check_second(Program *p, uint32_t gradients, double tolerance);

#endif
