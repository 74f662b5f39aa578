"""Makes the HDF5 files of this folder: `make_files.py FOLDER`, with h5py 3.16 on HDF5 2.0.

They are tiny data sets in the layout of ann-benchmarks: `train`, `test`, `neighbors` and
`distances`, and an attribute `distance` on the root. Each is written in another of the ways that
h5py has.
"""

import pathlib
import sys

import h5py
import numpy

TRAIN = numpy.arange(60, dtype=numpy.float32).reshape(12, 5) / 4
TEST = numpy.array([[0, 0.5, 1, 1, 1], [14, 14, 14, 14, 14]], dtype=numpy.float32)
SQUARES = ((TEST[:, None, :] - TRAIN[None, :, :]) ** 2).sum(axis=2)
NEIGHBORS = numpy.argsort(SQUARES, axis=1, kind="stable")[:, :3].astype(numpy.int32)
DISTANCES = numpy.sqrt(numpy.take_along_axis(SQUARES, NEIGHBORS.astype(numpy.int64), axis=1))


def write(path, distance="euclidean", train=TRAIN, neighbors=NEIGHBORS, more=None, **options):
    with h5py.File(path, "w", **options) as file:
        file.attrs["type"] = "dense"
        file.attrs["distance"] = distance
        file.attrs["dimension"] = 5
        file.create_dataset("train", data=train, **(more or {}))
        file.create_dataset("test", data=TEST)
        file.create_dataset("neighbors", data=neighbors)
        file.create_dataset("distances", data=DISTANCES)


def main(folder):
    # What h5py does when nobody says anything, and what it did for ann-benchmarks: superblock 0,
    # groups by symbol table, texts in the global heap.
    write(folder / "plain.hdf5")
    # Superblock 3, links in the header; the text has a fixed length, numbers are wide.
    write(folder / "newest.hdf5", distance=numpy.bytes_("angular"), libver="latest",
          train=TRAIN.astype(numpy.float64), neighbors=NEIGHBORS.astype(numpy.int64))
    # Chunks that cut both axes and stand over both edges.
    write(folder / "chunked.hdf5", more={"chunks": (5, 2)})
    # One chunk, in the way of newer versions.
    write(folder / "one-chunk.hdf5", libver="latest", more={"chunks": (12, 5)})
    # What is refused by name.
    write(folder / "compressed.hdf5", more={"chunks": (12, 5), "compression": "gzip"})


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
