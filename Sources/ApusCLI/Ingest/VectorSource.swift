import ApusPipeline

/// The file of `--vectors` with the payload file that may go with it, told apart by the ending of
/// its name.
enum VectorSource {
    /// Rows of numbers; ids are row numbers.
    case rows(RowFile, payload: String?)
    /// Points with ids and payloads of their own.
    case lines(path: String)
    /// Rows of columns, among them ids, vectors and payloads.
    case columns(path: String)

    /// `table` is that of an HDF5 file.
    init(vectors path: String, payload: String?, table: String) throws {
        if ColumnFormat(path: path) == .hdf5 {
            self = .rows(try HDF5File(path: path).rows(table), payload: payload)
            return
        }
        let isColumns = ColumnFormat(path: path) != nil
        let isLines = [".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz"].contains(
            where: path.hasSuffix)
        if isColumns || isLines {
            guard payload == nil else {
                throw Failure(
                    "--payload goes with .npy, .fvecs and .bvecs; the points of \(path) have their"
                        + " own", exitCode: 2)
            }
            self = isColumns ? .columns(path: path) : .lines(path: path)
        } else {
            self = .rows(try RowFile(path: path), payload: payload)
        }
    }
}
