// The messages of our own service, `apus.v1`.

package import ApusCore
package import ApusProto

extension QueryRequest {
    package init(_ message: Apus_V1_QueryRequest) throws(DatabaseError) {
        try self.init(message.query)
        if message.hasTargetRecall {
            let target = message.targetRecall
            guard target > 0, target <= 1 else {
                throw DatabaseError(
                    .validation,
                    "Validation error in target_recall: \(target), must be above 0 and at most 1")
            }
            parameters.targetRecall = target
        }
        if message.hasIvfProbes {
            try requireAtLeastOne(Int(message.ivfProbes), "ivf_probes")
            parameters.probes = Int(message.ivfProbes)
        }
        budget = try QueryBudget(message.budget)
    }
}

extension QueryBudget {
    fileprivate init(_ message: Apus_V1_Budget) throws(DatabaseError) {
        self.init()
        if message.hasTimeMs {
            let milliseconds = message.timeMs
            guard milliseconds > 0, milliseconds <= Self.millisecondsMax else {
                throw DatabaseError(
                    .validation,
                    "Validation error in budget.time_ms: \(milliseconds), must be above 0 and at most "
                        + "\(Int(Self.millisecondsMax))")
            }
            time = Self.time(milliseconds: milliseconds)
        }
        if message.hasMemoryBytes {
            try requireAtLeastOne(Int(clamping: message.memoryBytes), "budget.memory_bytes")
            memoryByteCount = Int(clamping: message.memoryBytes)
        }
    }
}

extension NewCollection {
    package init(_ message: Apus_V1_CreateCollectionRequest) throws(DatabaseError) {
        self.init(configuration: try CollectionConfiguration(message.collection))
        for (name, ivf) in message.ivf {
            guard configuration.vectors[name] != nil else {
                throw DatabaseError.vectorNameNotFound(name)
            }
            configuration.vectors[name]?.ivf = IVFConfiguration(ivf)
        }
        if message.hasDurability { configuration.durability = Durability(message.durability) }
        if message.hasCard { card = try CollectionCard(message.card) }
    }
}

extension IVFConfiguration {
    fileprivate init(_ message: Apus_V1_IvfConfig) {
        self.init(
            lists: message.hasLists ? Int(message.lists) : nil,
            parts: message.hasParts ? Int(message.parts) : nil,
            bits: message.hasBits ? Int(message.bits) : 4,
            probes: message.hasProbes ? Int(message.probes) : nil, spills: message.spill)
    }
}

extension Durability {
    fileprivate init(_ message: Apus_V1_Durability) {
        self =
            message.asyncMs == 0 ? .sync : .async(maxDelayMilliseconds: Int(message.asyncMs))
    }
}

extension Apus_V1_GetCollectionResponse {
    package init(_ description: CollectionDescription) {
        self.init()
        config = Qdrant_CollectionConfig(description.configuration)
        ivf = description.configuration.vectors.compactMapValues(\.ivf)
            .mapValues { Apus_V1_IvfConfig($0) }
        pointsCount = UInt64(count: description.pointsCount)
        guard let details = description.details else { return }
        switch details.durability {
        case .sync: durability.asyncMs = 0
        case .async(let delay): durability.asyncMs = UInt32(clamping: delay)
        }
        version = details.version.rawValue
        pinnedVersions = details.pinnedVersions.map(\.rawValue)
        memoryBytes = UInt64(count: details.usage.total.memory)
        diskBytes = UInt64(count: details.usage.total.disk)
        if let card = details.card { self.card = Apus_V1_CollectionCard(card) }
    }
}

extension Apus_V1_IvfConfig {
    fileprivate init(_ ivf: IVFConfiguration) {
        self.init()
        if let value = ivf.lists { lists = UInt32(clamping: value) }
        if let value = ivf.parts { parts = UInt32(clamping: value) }
        bits = UInt32(clamping: ivf.bits)
        if let value = ivf.probes { probes = UInt32(clamping: value) }
        if ivf.spills { spill = true }
    }
}

extension Apus_V1_QueryResponse {
    package init(_ answer: QueryAnswer, seconds: Double) {
        self.init()
        points = answer.points.map { Qdrant_ScoredPoint($0) }
        if let recall = answer.recallExpected { recallExpected = recall }
        version = answer.version.rawValue
        time = seconds
    }
}

extension Apus_V1_Explanation {
    package init(_ explanation: QueryExplanation) {
        self.init()
        seconds = explanation.duration.inSeconds
        searches = explanation.searches.map { Apus_V1_SearchExplanation($0) }
    }
}

extension Apus_V1_SearchExplanation {
    fileprivate init(_ search: SearchExplanation) {
        self.init()
        vector = search.field
        segment = search.segment
        rows = UInt64(count: search.rowCount)
        indexedRows = UInt64(count: search.indexedCount)
        if let filter = search.filter { self.filter = Apus_V1_FilterExplanation(filter) }
        plan = Apus_V1_PlanExplanation(search.chosen)
        others = search.others.map { Apus_V1_PlanExplanation($0) }
        if let recall = search.recallExpected { recallExpected = recall }
        measured = UInt64(count: search.measuredCount)
        rescored = UInt64(count: search.rescoredCount)
        found = UInt64(count: search.foundCount)
        planningSeconds = search.planning.inSeconds
        seconds = search.duration.inSeconds
    }
}

extension Apus_V1_FilterExplanation {
    fileprivate init(_ filter: SearchExplanation.FilterResult) {
        self.init()
        matchingRows = UInt64(count: filter.matchCount)
        switch filter.source {
        case .remembered: break
        case .evaluated(let rows): rowsRead = UInt64(count: rows)
        case .askedOfAnswers(let rows):
            rowsRead = UInt64(count: rows)
            askedOfAnswers = true
        }
        if let known = filter.estimate {
            estimated.min = UInt64(count: known.min)
            estimated.expected = known.expected
            estimated.max = UInt64(count: known.max)
        }
        seconds = filter.duration.inSeconds
    }
}

extension Apus_V1_PlanExplanation {
    fileprivate init(_ option: SearchExplanation.Option) {
        self.init()
        plan = option.plan
        cost = option.cost
        guard let outcome = option.outcome else { return }
        self.outcome.measured = UInt64(count: outcome.measuredCount)
        self.outcome.recall = outcome.recall
        self.outcome.seconds = outcome.duration.inSeconds
    }
}
