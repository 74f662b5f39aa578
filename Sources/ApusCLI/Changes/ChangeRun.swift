import ApusConnectors
import ApusCore
import ApusPipeline
import Dispatch
import Foundation
import GRPCCore

/// Carries the changes of a collection to a sink, from where that is.
struct ChangeRun {
    let origin: any ChangeOrigin & Sendable
    let sink: any ChangeSink
    /// How people know the sink.
    let destination: String
    let follow: Bool
    /// Where a sink that has nothing begins; nil: with a snapshot.
    let after: UInt64?
    /// Take a snapshot where the changes that should come next are gone.
    let snapshotIfGone: Bool

    private static let firstPause = Duration.milliseconds(200)
    private static let longestPause = Duration.seconds(10)
    /// How often a sink is asked to make good what has waited.
    private static let settleInterval = Duration.milliseconds(500)

    /// Runs to the end, or until the process is asked to stop.
    func run() async throws {
        let place = try await sink.position()
        guard place == nil || after == nil else {
            throw Failure(
                "\(destination) goes on after version \(place?.lsn ?? .zero); --after is for a "
                    + "destination that has nothing yet", exitCode: 2)
        }
        let start: ChangeStart =
            if let place {
                .after(place)
            } else if let after {
                .after(ChangePosition(log: "", lsn: SequenceNumber(after)))
            } else { .snapshot }
        let intake = ChangeIntake(sink, at: place)
        let work = Task { try await read(from: start, into: intake) }
        let settling = Task {
            while true {
                try await Task.sleep(for: Self.settleInterval)
                do { try await sink.settle(all: false) } catch {
                    work.cancel()
                    throw error
                }
            }
        }
        let signals = [SIGINT, SIGTERM].map { WatchedRun.onSignal($0) { work.cancel() } }
        let outcome = await work.result
        settling.cancel()
        let settled = await settling.result
        signals.forEach { $0.cancel() }
        if case .failure(let error) = settled, !(error is CancellationError) { throw error }
        switch outcome {
        case .success: break
        case .failure(let error) where Self.isCancellation(error): break
        // What was taken is made good all the same.
        case .failure(let error):
            try? await sink.settle(all: true)
            throw error
        }
        try await sink.settle(all: true)
        let position = try await sink.position()
        print(
            JSONValue.object([
                "events": .integer(Int64(await intake.eventCount)),
                "snapshot": .integer(Int64(await intake.snapshotCount)),
                "lsn": position.map { .integer(Int64(clamping: $0.lsn.rawValue)) } ?? .null,
                "log": position.map { .string($0.log) } ?? .null,
            ]).jsonText)
    }

    /// A call that is cancelled ends with an error of its own.
    private static func isCancellation(_ error: any Error) -> Bool {
        error is CancellationError || (error as? RPCError)?.code == .cancelled
    }

    private func read(from first: ChangeStart, into intake: ChangeIntake) async throws {
        var start = first
        var pause = Self.firstPause
        while true {
            let before = await intake.position
            do {
                try await origin.read(from: start, follow: follow, into: intake)
                guard follow else { return }
            } catch let gone as ChangesGone {
                guard snapshotIfGone else {
                    throw Failure(
                        "\(gone.reason). What comes next is not to be had; --snapshot-if-gone "
                            + "begins anew with the collection as it is")
                }
                StandardError.write(line: "\(gone.reason); a snapshot is taken")
                start = .snapshot
                continue
            } catch let error as RPCError where follow && Self.mayPass(error) {
                StandardError.write(line: "\(Failure.text(of: error)); trying again")
            }
            try Task.checkCancellation()
            let position = await intake.position
            if let position { start = .after(position) }
            pause = position == before ? min(pause * 2, Self.longestPause) : Self.firstPause
            try await Task.sleep(for: pause)
        }
    }

    private static func mayPass(_ error: RPCError) -> Bool {
        [.unavailable, .resourceExhausted, .deadlineExceeded].contains(error.code)
    }
}
