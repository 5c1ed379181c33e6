/* What comm.c and ring.c share: the MPI communicator, and MPI's errors as a status. For runtime/comm only. */
#ifndef QTM_COMM_INTERNAL_H
#define QTM_COMM_INTERNAL_H

#include <mpi.h>

#include "runtime/comm/comm.h"

struct qtm_comm {
    bool mpi;  /* started by a launcher; else one rank and no MPI */
    bool part; /* made by qtm_comm_split or qtm_comm_alone */
    MPI_Comm world;
    int rank, size, local_rank, local_size;
};

/* The failed MPI call `what` as a status; for COMM_TRY. */
qtm_status qtm_comm_error(const char *what, int code);

/* Returns from the calling function when an MPI call fails. */
#define COMM_TRY(call)                                                                                                 \
    do {                                                                                                               \
        int comm_try_code = (call);                                                                                    \
        if (comm_try_code != MPI_SUCCESS) QTM_TRY(qtm_comm_error(#call, comm_try_code));                               \
    } while (0)

#endif
