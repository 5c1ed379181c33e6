/* How runtime functions report failure: they return a status and leave a message, which main prints. The message is the
 * whole sentence for a person (what, why, what to do), without "error:" in front and without a newline at the end.
 * The message and its trail belong to the calling thread and stay until the next failure on it. */
#ifndef QTM_CORE_STATUS_H
#define QTM_CORE_STATUS_H

typedef enum {
    QTM_OK,
    QTM_FAILED, /* exit status 1: a file, a value, a resource */
    QTM_MISUSE, /* exit status 2: the command line */
} qtm_status;

/* Record a message (printf style) and return QTM_FAILED or QTM_MISUSE: `return qtm_error("%s: empty", path);`. The
 * arguments may point into qtm_error_text(). **Local** */
#define qtm_error(...) (qtm_error_record(__VA_ARGS__), QTM_FAILED)
#define qtm_misuse(...) (qtm_error_record(__VA_ARGS__), QTM_MISUSE)
void qtm_error_record(const char *format, ...) __attribute__((format(printf, 1, 2), cold));

/* The message of the last failure on this thread; "" before the first. Never NULL. */
const char *qtm_error_text(void);

/* The places the last failure passed through, "events.c:91 < main.c:40", innermost first; for QTM_TRACE=1 and bug
 * reports. "" if none. */
const char *qtm_error_trail(void);

/* Adds a place to the trail; for QTM_TRY. */
void qtm_error_pass(const char *file, int line) __attribute__((cold));

/* Returns from the calling function (which returns qtm_status) when `call` fails. */
#define QTM_TRY(call)                                                                                                  \
    do {                                                                                                               \
        qtm_status qtm_try_status = (call);                                                                            \
        if (__builtin_expect(qtm_try_status != QTM_OK, 0)) {                                                           \
            qtm_error_pass(__FILE__, __LINE__);                                                                        \
            return qtm_try_status;                                                                                     \
        }                                                                                                              \
    } while (0)

#endif
