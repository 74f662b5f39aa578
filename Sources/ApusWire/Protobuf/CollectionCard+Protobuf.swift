package import ApusCore
package import ApusProto

extension CollectionCard {
    package init(_ message: Apus_V1_CollectionCard) throws(DatabaseError) {
        self.init()
        for (field, model) in message.models { models[field] = try Model(model) }
        if message.hasCorpus {
            corpus = Corpus(
                name: message.corpus.name, description: message.corpus.description_p,
                license: message.corpus.license)
        }
    }
}

extension CollectionCard.Model {
    fileprivate init(_ message: Apus_V1_ModelCard) throws(DatabaseError) {
        self.init(
            ModelName(message.id, version: message.hasVersion ? message.version : nil),
            dimension: message.hasDimension ? Int(message.dimension) : nil,
            metric: message.hasMetric ? try Metric(message.metric) : nil,
            isNormalized: message.hasNormalized ? message.normalized : nil)
    }
}

extension Apus_V1_CollectionCard {
    package init(_ card: CollectionCard) {
        self.init()
        models = card.models.mapValues { Apus_V1_ModelCard($0) }
        guard let corpus = card.corpus else { return }
        self.corpus.name = corpus.name
        self.corpus.description_p = corpus.description
        self.corpus.license = corpus.license
    }
}

extension Apus_V1_ModelCard {
    fileprivate init(_ model: CollectionCard.Model) {
        self.init()
        id = model.name.id
        if let value = model.name.version { version = value }
        if let value = model.dimension { dimension = UInt32(clamping: value) }
        if let value = model.metric { metric = Qdrant_Distance(value) }
        if let value = model.isNormalized { normalized = value }
    }
}

extension MeasuredRecall {
    package init(_ message: Apus_V1_MeasuredRecall) {
        self.init(expected: message.expected)
        guard message.hasObserved else { return }
        observed = ObservedRecall(
            checkedCount: Int(clamping: message.observed.checked), mean: message.observed.mean,
            p5: message.observed.p5, p1: message.observed.p1)
    }
}

extension Apus_V1_MeasuredRecall {
    package init(_ recall: MeasuredRecall) {
        self.init()
        expected = recall.expected
        guard let observed = recall.observed else { return }
        self.observed.checked = UInt64(count: observed.checkedCount)
        self.observed.mean = observed.mean
        self.observed.p5 = observed.p5
        self.observed.p1 = observed.p1
    }
}
