/* qtmc check: everything that can be known about a model before it is compiled. */
#include "driver/session.h"

int command_check(const Options *options) {
    int worst = 0;
    for (size_t i = 0; i < options->files.count; i++) {
        Session session;
        int status = 1;
        if (session_open(&session, options, options->files.data[i])) status = session_run(&session, PASS_SEMA);
        if (status > worst) worst = status;
        session_close(&session);
    }
    return worst;
}
