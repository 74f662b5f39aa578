import ApusPipeline
import Foundation
import Testing

/// Files that h5py wrote (`Fixtures/hdf5/make_files.py`).
@Suite struct HDF5Tests {
    private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/hdf5")
    private static let names = ["plain", "newest", "chunked", "one-chunk"]

    private static func path(_ name: String) -> String {
        fixtures.appending(path: "\(name).hdf5").path
    }

    @Test(arguments: names) func everyWayOfWritingHasTheSameRows(name: String) throws {
        let file = try HDF5File(path: Self.path(name))
        #expect(file.names == ["distances", "neighbors", "test", "train"])
        let train = try file.rows("train")
        #expect(train.layout.rowCount == 12)
        #expect(train.layout.element == (name == "newest" ? .float64 : .float32))
        let rows = try train.floats(0..<12)
        #expect(rows.dimension == 5)
        #expect(rows.values == (0..<60).map { Float($0) / 4 })
        #expect(try train.floats(4..<11).values == (20..<55).map { Float($0) / 4 })
        #expect(try train.floats(7..<7).values.isEmpty)
        let test = try file.rows("test").floats(0..<2)
        #expect(test.values == [0, 0.5, 1, 1, 1, 14, 14, 14, 14, 14])
        #expect(try file.rows("neighbors").ids(0..<2).values == [0, 1, 2, 11, 10, 9])
    }

    @Test func textsOfBothKindsAreRead() throws {
        #expect(try HDF5File(path: Self.path("plain")).text(attribute: "distance") == "euclidean")
        #expect(try HDF5File(path: Self.path("newest")).text(attribute: "distance") == "angular")
        #expect(try HDF5File(path: Self.path("newest")).text(attribute: "type") == "dense")
        // A number is no text.
        #expect(try HDF5File(path: Self.path("plain")).text(attribute: "dimension") == nil)
        #expect(try HDF5File(path: Self.path("plain")).text(attribute: "none") == nil)
    }

    @Test func whatIsNotReadIsNamed() throws {
        let compressed = try HDF5File(path: Self.path("compressed"))
        let error = #expect(throws: PipelineError.self) { try compressed.rows("train") }
        #expect(error?.description.contains("compressed or filtered data") == true)
        #expect(try compressed.rows("test").layout.rowCount == 2)
        let missing = #expect(throws: PipelineError.self) { try compressed.rows("base") }
        #expect(missing?.description.contains("distances, neighbors, test, train") == true)
        #expect(throws: PipelineError.self) { try HDF5File(path: #filePath) }
    }

    /// Whatever is there is refused or read; all of it is asked for.
    private func readAll(_ path: String) {
        guard let file = try? HDF5File(path: path) else { return }
        for name in ["distance", "type", "dimension"] { _ = try? file.text(attribute: name) }
        for name in file.names {
            guard let rows = try? file.rows(name) else { continue }
            _ = try? rows.floats(0..<rows.layout.rowCount)
            _ = try? rows.ids(0..<rows.layout.rowCount)
        }
    }

    @Test(arguments: names) func noTruncationTraps(name: String) throws {
        let folder = try TemporaryFolder()
        let bytes = try Array(Data(contentsOf: URL(filePath: Self.path(name))))
        for length in stride(from: 0, to: bytes.count, by: 29) {
            let path = try folder.write("t.hdf5", Array(bytes.prefix(length)))
            readAll(path)
        }
        // The last rows are at the end of the file.
        let path = try folder.write("t.hdf5", Array(bytes.prefix(bytes.count / 2)))
        #expect(throws: PipelineError.self) {
            _ = try HDF5File(path: path).rows("distances").floats(0..<2)
        }
    }

    @Test(arguments: names) func noFlippedByteTraps(name: String) throws {
        let folder = try TemporaryFolder()
        let bytes = try Array(Data(contentsOf: URL(filePath: Self.path(name))))
        // The long runs of zeros are room that was never used.
        for place in bytes.indices
        where bytes[max(0, place - 16)...min(place + 8, bytes.count - 1)].contains(where: { $0 > 0 }
        ) {
            // One of three damages by turns; the fuzz tests have the rest.
            var damaged = bytes
            damaged[place] = [bytes[place] ^ 1, bytes[place] ^ 0x80, 0xff][place % 3]
            readAll(try folder.write("f.hdf5", damaged))
        }
    }
}
