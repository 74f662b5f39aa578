import ApusCore
import ApusWire
import TestSupport
import Testing

/// Broken bodies: an answer or an error, never a trap.
@Suite struct JSONHostileBytesTests {
    @Test func everyTruncationOfARealBodyIsRefused() throws {
        for (name, bytes) in try CapturedBodies.all() {
            for length in 0..<bytes.count {
                #expect(throws: DatabaseError.self, "\(name) cut to \(length)") {
                    try decode(name, Array(bytes[..<length]))
                }
            }
        }
    }

    @Test func changedBytesNeverTrap() throws {
        var random = SeededGenerator(seed: 6)
        let tokens = Array("{}[]:,\"\\-+.eE0179truefalsn \u{0}").map { $0.utf8.first ?? 0 }
        var refused = 0
        var accepted = 0
        for (name, bytes) in try CapturedBodies.all() {
            for _ in 0..<2000 {
                var changed = bytes
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let place = Int.random(in: 0..<changed.count, using: &random)
                    switch Int.random(in: 0..<5, using: &random) {
                    case 0: changed[place] = UInt8.random(in: 0...255, using: &random)
                    case 1: changed[place] ^= 1 << UInt8.random(in: 0...7, using: &random)
                    case 2: changed[place] = tokens.randomElement(using: &random) ?? 0
                    case 3: changed.insert(tokens.randomElement(using: &random) ?? 0, at: place)
                    default: if changed.count > 1 { changed.remove(at: place) }
                    }
                }
                do throws(DatabaseError) {
                    _ = try decode(name, changed)
                    accepted += 1
                } catch {
                    #expect(error.kind != .internalError)
                    refused += 1
                }
            }
        }
        #expect(refused > 20_000)
        #expect(accepted > 5000)
    }

    @Test func aBodyForAnotherDecoderNeverTraps() throws {
        let bodies = try CapturedBodies.all()
        for (name, _) in bodies {
            for (_, bytes) in bodies {
                do throws(DatabaseError) { _ = try decode(name, bytes) } catch {
                    #expect(error.kind != .internalError)
                }
            }
        }
    }
}
