import ApusConnectors
import ApusPipeline
import Testing

/// Messages of a replication slot that are not what they say. Real ones: `test_pipeline_postgres_slot.py`
/// and `ConnectorFuzzTests`.
@Suite struct PostgresOutputTests {
    private static let id: [UInt8] = [0, 0, 0, 9]
    private static let row: [UInt8] =
        [0, 2] + Array("t".utf8) + [0, 0, 0, 1, 0x37] + Array("n".utf8)

    private static func message(_ kind: String, _ parts: [UInt8]...) -> [UInt8] {
        Array(kind.utf8) + id + parts.flatMap(\.self)
    }

    @Test func rowsAreReadBehindTheirMarks() throws {
        let (new, key, old) = (Array("N".utf8), Array("K".utf8), Array("O".utf8))
        guard
            case .update(9, let before?, let after) = try PostgresOutput(
                Self.message("U", key, Self.row, new, Self.row))
        else {
            Issue.record("no update with its key")
            return
        }
        #expect(before == ["7", nil] && after == ["7", nil])
        guard case .delete(9, let gone) = try PostgresOutput(Self.message("D", old, Self.row))
        else {
            Issue.record("no deletion")
            return
        }
        #expect(gone == ["7", nil])
    }

    /// Whatever stood there was passed over, and the bytes behind it read as a row.
    @Test(arguments: [
        message("I", Array("K".utf8), row), message("D", Array("N".utf8), row),
        message("U", Array("K".utf8), row, Array("K".utf8), row),
        message("U", Array("x".utf8), row, Array("N".utf8), row),
        message("I", Array("N".utf8), [0, 1, 0x62, 0, 0, 0, 1, 7]), message("I"),
        message("I", Array("N".utf8), [0, 1, 0x74, 0xff, 0xff, 0xff, 0xff]),
        message("U", Array("K".utf8), row), [],
    ])
    func otherRowsAreRefused(message: [UInt8]) {
        let error = #expect(throws: StageError.self) { try PostgresOutput(message) }
        #expect(error?.kind == .fatal)
        #expect(error?.message.contains("of \(message.count)") == true)
    }
}
