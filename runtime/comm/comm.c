/* The job's processes through MPI, or one process without it. Reductions gather the terms and combine them in rank
 * order, because MPI does not promise the same bits of an all-reduce on every rank; they are meant for a few numbers.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/comm/internal.h"
#include "runtime/core/memory.h"

enum { COMM_PIECE = 1 << 30, COMM_MESSAGE = 4096, COMM_DIGEST = 4 };

qtm_status qtm_comm_error(const char *what, int code) {
    char text[MPI_MAX_ERROR_STRING] = "unknown error";
    int length;
    MPI_Error_string(code, text, &length);
    int name = (int)strcspn(what, "(");
    return qtm_error("%.*s failed: %s; another rank may have stopped, see its message", name, what, text);
}

/* Variables that launchers set: Open MPI, PMIx, MPICH and Intel MPI (Hydra), Slurm's PMI, MVAPICH. */
static bool comm_launched(void) {
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_SIZE", "PMI_FD", "PMI_PORT",
                                        "MV2_COMM_WORLD_SIZE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (getenv(names[i])) return true;
    return false;
}

static qtm_status comm_start(struct qtm_comm *comm, int *argc, char ***argv) {
    int provided;
    COMM_TRY(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided));
    comm->mpi = true;
    comm->world = MPI_COMM_WORLD;
    if (provided < MPI_THREAD_FUNNELED)
        return qtm_error("this MPI library cannot be used by a program with threads (MPI_THREAD_FUNNELED)");
    COMM_TRY(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
    COMM_TRY(MPI_Comm_rank(comm->world, &comm->rank));
    COMM_TRY(MPI_Comm_size(comm->world, &comm->size));
    MPI_Comm local;
    COMM_TRY(MPI_Comm_split_type(comm->world, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &local));
    COMM_TRY(MPI_Comm_rank(local, &comm->local_rank));
    COMM_TRY(MPI_Comm_size(local, &comm->local_size));
    COMM_TRY(MPI_Comm_free(&local));
    return QTM_OK;
}

qtm_status qtm_comm_open(int *argc, char ***argv, struct qtm_comm **out) {
    *out = NULL;
    struct qtm_comm *comm = qtm_alloc(sizeof *comm);
    if (!comm) return qtm_error_memory(sizeof *comm);
    comm->size = comm->local_size = 1;
    qtm_status status = comm_launched() ? comm_start(comm, argc, argv) : QTM_OK;
    if (status != QTM_OK) {
        qtm_free(comm);
        return status;
    }
    *out = comm;
    return QTM_OK;
}

void qtm_comm_close(struct qtm_comm *comm) {
    if (!comm) return;
    if (comm->part && comm->mpi)
        MPI_Comm_free(&comm->world);
    else if (comm->mpi)
        MPI_Finalize();
    qtm_free(comm);
}

qtm_status qtm_comm_split(struct qtm_comm *comm, int color, struct qtm_comm **out) {
    *out = NULL;
    struct qtm_comm *part = qtm_alloc(sizeof *part);
    if (!part) return qtm_error_memory(sizeof *part);
    *part = *comm;
    part->part = true;
    if (comm->mpi) {
        int code = MPI_Comm_split(comm->world, color, comm->rank, &part->world);
        if (code == MPI_SUCCESS) code = MPI_Comm_rank(part->world, &part->rank);
        if (code == MPI_SUCCESS) code = MPI_Comm_size(part->world, &part->size);
        if (code != MPI_SUCCESS) {
            qtm_free(part);
            return qtm_comm_error("MPI_Comm_split", code);
        }
    }
    *out = part;
    return QTM_OK;
}

qtm_status qtm_comm_alone(const struct qtm_comm *comm, struct qtm_comm **out) {
    struct qtm_comm *part = *out = qtm_alloc(sizeof *part);
    if (!part) return qtm_error_memory(sizeof *part);
    *part = (struct qtm_comm){.part = true, .size = 1, .local_rank = comm->local_rank, .local_size = comm->local_size};
    return QTM_OK;
}

int qtm_comm_rank(const struct qtm_comm *comm) {
    return comm->rank;
}

int qtm_comm_size(const struct qtm_comm *comm) {
    return comm->size;
}

int qtm_comm_local_rank(const struct qtm_comm *comm) {
    return comm->local_rank;
}

int qtm_comm_local_size(const struct qtm_comm *comm) {
    return comm->local_size;
}

qtm_status qtm_comm_barrier(struct qtm_comm *comm) {
    if (comm->size > 1) COMM_TRY(MPI_Barrier(comm->world));
    return QTM_OK;
}

qtm_status qtm_comm_broadcast(struct qtm_comm *comm, void *data, int64_t bytes, int root) {
    if (comm->size == 1) return QTM_OK;
    for (int64_t done = 0; done < bytes; done += COMM_PIECE) {
        int piece = (int)(bytes - done < COMM_PIECE ? bytes - done : COMM_PIECE);
        COMM_TRY(MPI_Bcast((char *)data + done, piece, MPI_BYTE, root, comm->world));
    }
    return QTM_OK;
}

/* All ranks' `bytes` at `data`, in rank order, in a block to qtm_free. */
static qtm_status comm_gather_all(struct qtm_comm *comm, const void *data, int64_t bytes, void **all) {
    if (bytes > COMM_PIECE) return qtm_error("a reduction of %lld bytes is too long", (long long)bytes);
    *all = qtm_alloc_array(comm->size, bytes);
    /* A rank that has no memory must not leave the others waiting, but then there is no way to go on together: the
     * caller aborts. */
    if (!*all) return qtm_error_memory(comm->size * bytes);
    int code = MPI_Allgather(data, (int)bytes, MPI_BYTE, *all, (int)bytes, MPI_BYTE, comm->world);
    if (code == MPI_SUCCESS) return QTM_OK;
    qtm_free(*all);
    return qtm_comm_error("MPI_Allgather", code);
}

/* data[i] = term 0 (+ or min or max) term 1 ... in rank order. */
#define COMM_FOLD(type, all)                                                                                           \
    for (int64_t i = 0; i < count; i++) {                                                                              \
        type value = (all)[i];                                                                                         \
        for (int r = 1; r < comm->size; r++) {                                                                         \
            type term = (all)[r * count + i];                                                                          \
            if (how == QTM_SUM)                                                                                        \
                value += term;                                                                                         \
            else if (how == QTM_MIN ? term < value : term > value)                                                     \
                value = term;                                                                                          \
        }                                                                                                              \
        data[i] = value;                                                                                               \
    }

qtm_status qtm_comm_reduce_f64(struct qtm_comm *comm, double *data, int64_t count, enum qtm_reduce how) {
    if (comm->size == 1 || count == 0) return QTM_OK;
    void *block;
    QTM_TRY(comm_gather_all(comm, data, count * (int64_t)sizeof *data, &block));
    const double *all = block;
    COMM_FOLD(double, all)
    qtm_free(block);
    return QTM_OK;
}

qtm_status qtm_comm_reduce_u64(struct qtm_comm *comm, uint64_t *data, int64_t count, enum qtm_reduce how) {
    if (comm->size == 1 || count == 0) return QTM_OK;
    void *block;
    QTM_TRY(comm_gather_all(comm, data, count * (int64_t)sizeof *data, &block));
    const uint64_t *all = block;
    COMM_FOLD(uint64_t, all)
    qtm_free(block);
    return QTM_OK;
}

/* Makes the receiving side ready on rank 0: sizes, offsets, the block. */
static qtm_status gather_prepare(struct qtm_comm *comm, const int64_t *bytes, int *sizes, int *starts,
                                 struct qtm_gathered *gathered) {
    gathered->count = comm->size;
    for (int r = 0; r < comm->size; r++) gathered->offset[r + 1] = gathered->offset[r] + bytes[r];
    int64_t total = gathered->offset[comm->size];
    if (total > INT32_MAX) return qtm_error("%lld bytes are too many to gather on one rank", (long long)total);
    for (int r = 0; r < comm->size; r++) {
        sizes[r] = (int)bytes[r];
        starts[r] = (int)gathered->offset[r];
    }
    gathered->data = qtm_alloc(total);
    return gathered->data ? QTM_OK : qtm_error_memory(total);
}

qtm_status qtm_comm_gather(struct qtm_comm *comm, const void *data, int64_t bytes, struct qtm_gathered *gathered) {
    *gathered = (struct qtm_gathered){0};
    bool root = comm->rank == 0;
    int64_t *all = qtm_alloc_array(comm->size, sizeof *all);
    int *sizes = qtm_alloc_array(2 * (int64_t)comm->size, sizeof *sizes);
    if (root) gathered->offset = qtm_alloc_array(comm->size + 1, sizeof *gathered->offset);
    qtm_status status =
        all && sizes && (!root || gathered->offset) ? QTM_OK : qtm_error_memory(16 * (int64_t)comm->size);
    if (status == QTM_OK) {
        all[comm->rank] = bytes;
        int code =
            comm->size == 1 ? MPI_SUCCESS : MPI_Allgather(&bytes, 1, MPI_INT64_T, all, 1, MPI_INT64_T, comm->world);
        if (code != MPI_SUCCESS) status = qtm_comm_error("MPI_Allgather", code);
    }
    if (status == QTM_OK && root) status = gather_prepare(comm, all, sizes, sizes + comm->size, gathered);
    if (status == QTM_OK && comm->size == 1) {
        if (bytes > 0) memcpy(gathered->data, data, (size_t)bytes);
    } else if (status == QTM_OK) {
        int code = MPI_Gatherv(data, (int)bytes, MPI_BYTE, gathered->data, sizes, sizes + comm->size, MPI_BYTE, 0,
                               comm->world);
        if (code != MPI_SUCCESS) status = qtm_comm_error("MPI_Gatherv", code);
    }
    qtm_free(sizes);
    qtm_free(all);
    if (status != QTM_OK) qtm_gathered_free(gathered);
    return status;
}

void qtm_gathered_free(struct qtm_gathered *gathered) {
    qtm_free(gathered->data);
    qtm_free(gathered->offset);
    *gathered = (struct qtm_gathered){0};
}

qtm_status qtm_comm_agree(struct qtm_comm *comm, qtm_status mine) {
    if (comm->size == 1) return mine;
    uint64_t failed = mine == QTM_OK ? UINT64_MAX : (uint64_t)comm->rank;
    QTM_TRY(qtm_comm_reduce_u64(comm, &failed, 1, QTM_MIN));
    if (failed == UINT64_MAX) return QTM_OK;
    char message[COMM_MESSAGE] = "";
    message[0] = (char)mine;
    strncpy(message + 1, qtm_error_text(), sizeof message - 2);
    QTM_TRY(qtm_comm_broadcast(comm, message, sizeof message, (int)failed));
    return message[0] == QTM_MISUSE ? qtm_misuse("%s", message + 1) : qtm_error("%s", message + 1);
}

/* Two lanes of FNV-1a with different starts over 8-byte words, and the length: enough to see copies drift apart. */
static void comm_digest(const unsigned char *data, int64_t bytes, uint64_t digest[COMM_DIGEST]) {
    uint64_t a = 0xcbf29ce484222325u, b = 0x9ae16a3b2f90404fu;
    int64_t i = 0;
    for (; i + 8 <= bytes; i += 8) {
        uint64_t word;
        memcpy(&word, data + i, sizeof word);
        a = (a ^ word) * 0x100000001b3u;
        b = ((b ^ word) + (b >> 29)) * 0x9e3779b97f4a7c15u;
    }
    for (; i < bytes; i++) {
        a = (a ^ data[i]) * 0x100000001b3u;
        b = ((b ^ data[i]) + (b >> 29)) * 0x9e3779b97f4a7c15u;
    }
    digest[0] = a;
    digest[1] = b;
    digest[2] = (uint64_t)bytes;
    digest[3] = a >> 32 ^ b;
}

qtm_status qtm_comm_same(struct qtm_comm *comm, const void *data, int64_t bytes, bool *same) {
    *same = true;
    if (comm->size == 1) return QTM_OK;
    uint64_t mine[COMM_DIGEST], low[COMM_DIGEST];
    comm_digest(data, bytes, mine);
    memcpy(low, mine, sizeof low);
    QTM_TRY(qtm_comm_reduce_u64(comm, low, COMM_DIGEST, QTM_MIN));
    uint64_t differ = memcmp(low, mine, sizeof low) != 0;
    QTM_TRY(qtm_comm_reduce_u64(comm, &differ, 1, QTM_MAX));
    *same = differ == 0;
    return QTM_OK;
}

_Noreturn void qtm_comm_abort(struct qtm_comm *comm, int status) {
    if (comm && comm->mpi && comm->size > 1) MPI_Abort(comm->world, status);
    exit(status);
}
