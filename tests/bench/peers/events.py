"""Files of events for the peers: HDF5 as the models write it, or a text table with a line of names."""
import numpy


def load(path, fields):
    """Columns of the fields as [events, fields], in single precision."""
    if path.endswith(".h5"):
        import h5py
        with h5py.File(path) as file:
            return numpy.stack([file["events"][name][()] for name in fields], 1).astype("f4")
    return numpy.loadtxt(path, dtype="f4", skiprows=1)
