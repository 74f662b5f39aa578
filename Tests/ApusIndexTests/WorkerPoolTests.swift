import ApusCore
import Synchronization
import Testing

@Suite struct WorkerPoolTests {
    @Test func everyIterationRunsOnce() {
        withPool(threadCount: 3) { pool in
            for iterations in [0, 1, 2, 3, 100, 5000] {
                let counts = Mutex([Int](repeating: 0, count: iterations))
                let shared = Shared(counts)
                pool.perform(iterations: iterations) { index in
                    shared.counts.withLock { $0[index] += 1 }
                }
                shared.counts.withLock { #expect($0.allSatisfy { $0 == 1 }) }
            }
        }
    }

    @Test func iterationsWithinAJobOfTheSamePoolEnd() {
        withPool(threadCount: 1) { pool in
            let sum = Counter()
            pool.perform(iterations: 8) { _ in
                pool.perform(iterations: 8) { _ in sum.value.add(1, ordering: .relaxed) }
            }
            #expect(sum.value.load(ordering: .relaxed) == 64)
        }
    }

    @Test func shutdownFinishesWhatWasSubmitted() {
        let pool = WorkerPool(name: "a name that is longer than the kernel keeps", threadCount: 2)
        let sum = Counter()
        for _ in 0..<1000 { pool.submit { sum.value.add(1, ordering: .relaxed) } }
        pool.shutdown()
        pool.shutdown()
        #expect(sum.value.load(ordering: .relaxed) == 1000)
        pool.submit { sum.value.add(1, ordering: .relaxed) }
        #expect(sum.value.load(ordering: .relaxed) == 1001)
    }

    private final class Counter: Sendable {
        let value = Atomic<Int>(0)
    }

    private final class Shared: Sendable {
        let counts: Mutex<[Int]>

        init(_ counts: consuming Mutex<[Int]>) { self.counts = counts }
    }
}
