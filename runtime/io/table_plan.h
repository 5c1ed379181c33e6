/* Which number of an event each column of a table is. For runtime/io only. **Local** */
#ifndef QTM_IO_TABLE_PLAN_H
#define QTM_IO_TABLE_PLAN_H

#include "runtime/io/events.h"
#include "runtime/io/table_names.h"

struct qtm_target {
    int field;  /* -1: the column is not used */
    int64_t at; /* element of an array */
    double scale;
};

/* Fills target[0 .. columns - 1]. By position where the data set lists its columns: then their number must be that of
 * the file less the ignored ones, and a name that the file has elsewhere is refused. Else by name: an array NAME[n] is
 * NAME0 .. NAMEn-1, or n columns in a row whose names begin with NAME. Columns that nothing asks for are not used. */
qtm_status qtm_plan_make(const struct qtm_events_request *request, const struct qtm_names *names, int64_t columns,
                         struct qtm_target *target);

#endif
