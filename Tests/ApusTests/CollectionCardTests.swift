import Apus
import ApusStorage
import Foundation
import TestSupport
import Testing

/// Which models made the vectors: what is written down, what survives, and what is refused.
@Suite("The collection card") struct CollectionCardTests {
    private static func open(_ disk: SimulatedFileSystem) throws -> Database {
        var configuration = EngineConfiguration()
        configuration.mergesInBackground = false
        return try Database.open(at: "/db", configuration: configuration, fileSystem: disk)
    }

    private static func made(_ disk: SimulatedFileSystem) throws -> (Database, Collection) {
        let database = try open(disk)
        var configuration = CollectionConfiguration(dimension: 2, metric: .dot)
        configuration.vectors["image"] = DenseVectorConfiguration(dimension: 3, metric: .euclid)
        configuration.sparseVectors["words"] = SparseVectorConfiguration()
        return (database, try database.createCollection("c", configuration))
    }

    private static func point(_ id: UInt64, in field: String = "") -> Point {
        Point(
            id: .number(id),
            vectors: [field: .dense([Float](repeating: 1, count: field == "" ? 2 : 3))])
    }

    private static let mini = ModelName("mini", version: "1")
    private static let card = CollectionCard(
        models: [
            "": CollectionCard.Model(mini, isNormalized: true),
            "words": CollectionCard.Model(ModelName("splade")),
        ],
        corpus: CollectionCard.Corpus(name: "Books", description: "All.", license: "CC-BY-4.0"))

    private func refused(_ kind: DatabaseError.Kind, _ body: () throws -> Void) -> String {
        do {
            try body()
            Issue.record("it was taken")
            return ""
        } catch {
            #expect((error as? DatabaseError)?.kind == kind, "\(error)")
            return "\(error)"
        }
    }

    @Test("Is filled in from the settings, and is there after a restart and a loss of power")
    func durable() throws {
        let disk = SimulatedFileSystem(seed: 1)
        let (database, collection) = try Self.made(disk)
        #expect(collection.card == nil && collection.info().card == nil)
        let stored = try #require(try collection.setCard(Self.card))
        #expect(stored.models[""]?.dimension == 2 && stored.models[""]?.metric == .dot)
        #expect(stored.models["words"]?.dimension == nil && stored.models["words"]?.metric == nil)
        #expect(stored.corpus == Self.card.corpus)
        #expect(collection.card == stored && collection.info().card == stored)
        // Nothing was closed: what setCard returned from is on disk.
        let after = disk.afterPowerLoss(.losesEverythingUnsynced)
        let survivor = try Self.open(after)
        #expect(try survivor.collection("c").card == stored)
        try survivor.close()
        try database.close()
        let again = try Self.open(disk)
        #expect(try again.collection("c").card == stored)
        #expect(try again.collection("c").setCard(nil) == nil)
        try again.close()
        let third = try Self.open(disk)
        #expect(try third.collection("c").card == nil)
        try third.close()
    }

    @Test("A collection begins with its card, and is not there when the card contradicts it")
    func creation() throws {
        let disk = SimulatedFileSystem(seed: 1)
        let database = try Self.open(disk)
        var configuration = CollectionConfiguration(dimension: 2, metric: .dot)
        configuration.sparseVectors["words"] = SparseVectorConfiguration()
        let wrong: [CollectionCard.Model] = [
            CollectionCard.Model(Self.mini, dimension: 3),
            CollectionCard.Model(Self.mini, metric: .cosine),
        ]
        for model in wrong {
            _ = refused(.invalidArgument) {
                try database.createCollection(
                    "c", configuration, card: CollectionCard(models: ["": model]))
            }
            #expect(!database.hasCollection("c"))
            #expect(!disk.files.keys.contains { $0.hasPrefix("/db/c/") })
        }
        let collection = try database.createCollection("c", configuration, card: Self.card)
        let stored = try #require(collection.card)
        #expect(stored.models[""]?.dimension == 2 && stored.models[""]?.metric == .dot)
        #expect(stored.corpus == Self.card.corpus)
        // One commit: the collection's first manifest has it.
        #expect(disk.files.keys.filter { $0.contains("/c/MANIFEST-") }.count == 1)
        let survivor = try Self.open(disk.afterPowerLoss(.losesEverythingUnsynced))
        #expect(try survivor.collection("c").card == stored)
        try survivor.close()
        try database.close()
    }

    @Test("An ingest that begins says what a declared model did not") func completed() throws {
        let (database, collection) = try Self.made(SimulatedFileSystem(seed: 1))
        try collection.setCard(
            CollectionCard(models: ["": CollectionCard.Model(ModelName("mini"))]))
        let full = CollectionCard.Model(Self.mini, isNormalized: true)
        let card = try #require(try collection.adoptModels(["": full]))
        #expect(card.models[""]?.name == Self.mini && card.models[""]?.isNormalized == true)
        try collection.setCard(
            CollectionCard(models: ["": CollectionCard.Model(ModelName("mini"))]))
        try collection.upsert([Self.point(1)])
        #expect(try collection.adoptModels(["": full])?.models[""]?.name.version == nil)
        try database.close()
    }

    @Test("Goes into snapshots and comes out of them, as it was then") func snapshots() throws {
        let directory = try TemporaryDirectory()
        let database = try Database.open(at: directory.path)
        let collection = try database.createCollection(
            "c", CollectionConfiguration(dimension: 2, metric: .dot))
        let first = try collection.adoptModels(["": CollectionCard.Model(Self.mini)])
        try collection.upsert([Self.point(1)])
        let snapshot = try collection.createSnapshot()
        try collection.setCard(nil)
        try database.restoreCollection(
            "copy", from: .snapshot(name: snapshot.name, collection: "c"), replacing: false)
        #expect(first?.models[""]?.name == Self.mini)
        #expect(try database.collection("copy").card == first)
        #expect(try Database.storedCard(ofCollection: "copy", in: directory.path) == first)
        #expect(try Database.storedCard(ofCollection: "c", in: directory.path) == nil)
        #expect(try Database.storedCard(ofCollection: "none", in: directory.path) == nil)
        try database.close()
    }

    @Test("What contradicts the settings is refused, and nothing is changed") func contradictions()
        throws
    {
        let (database, collection) = try Self.made(SimulatedFileSystem(seed: 1))
        let stored = try collection.setCard(Self.card)
        func model(
            _ dimension: Int? = nil, _ metric: Metric? = nil
        ) -> CollectionCard.Model {
            CollectionCard.Model(Self.mini, dimension: dimension, metric: metric)
        }
        let wrong: [(String, CollectionCard.Model, String)] = [
            ("", model(3), "dimension 3, expected 2"),
            ("image", model(3, .dot), "compared by dot, expected euclid"),
            ("words", model(3), "it is sparse"), ("words", model(nil, .dot), "it is sparse"),
            ("none", model(), "none"),
        ]
        for (field, model, text) in wrong {
            let told = refused(.invalidArgument) {
                try collection.setCard(CollectionCard(models: [field: model]))
            }
            #expect(told.contains(text), "\(told)")
        }
        let long = String(repeating: "x", count: 256)
        for name in [ModelName(""), ModelName(long), ModelName("m", version: long)] {
            _ = refused(.validation) {
                try collection.setCard(CollectionCard(models: ["": CollectionCard.Model(name)]))
            }
        }
        _ = refused(.validation) {
            let text = String(repeating: long, count: 65)
            try collection.setCard(
                CollectionCard(corpus: CollectionCard.Corpus(description: text)))
        }
        #expect(collection.card == stored)
        try collection.setCard(CollectionCard(models: ["image": model(3, .euclid)]))
        try database.close()
    }

    @Test("An ingest writes the models of fields without vectors only, and is held to the others")
    func adoption() throws {
        let (database, collection) = try Self.made(SimulatedFileSystem(seed: 1))
        let image = CollectionCard.Model(ModelName("clip"), dimension: 3)
        // The unnamed field has a vector of unknown origin.
        try collection.upsert([Self.point(1)])
        #expect(try collection.adoptModels(["": CollectionCard.Model(Self.mini)]) == nil)
        #expect(collection.card == nil)
        let card = try collection.adoptModels([
            "": CollectionCard.Model(Self.mini), "image": image,
        ])
        #expect(card?.models.keys.sorted() == ["image"])
        #expect(card?.models["image"]?.metric == .euclid)
        try collection.upsert([Self.point(2, in: "image")])
        // The same again, and a version where the card says none.
        #expect(try collection.adoptModels(["image": image]) == card)
        let versioned = CollectionCard.Model(ModelName("clip", version: "2"))
        #expect(try collection.adoptModels(["image": versioned]) == card)
        let told = refused(.conflict) {
            try collection.adoptModels(["image": CollectionCard.Model(Self.mini)])
        }
        for part in ["`c`", "`image`", "`clip`", "`mini@1`"] {
            #expect(told.contains(part), "\(told)")
        }
        // Of two, one of which is another, neither is written.
        _ = refused(.conflict) {
            try collection.adoptModels([
                "words": CollectionCard.Model(ModelName("splade")),
                "image": CollectionCard.Model(Self.mini),
            ])
        }
        #expect(collection.card == card)
        // Without its points the field is free again, and the card still holds.
        try collection.delete(.filter(Filter()))
        _ = refused(.conflict) {
            try collection.adoptModels(["image": CollectionCard.Model(Self.mini)])
        }
        #expect(
            try collection.adoptModels(["": CollectionCard.Model(Self.mini)])?.models[""]?.name
                == Self.mini)
        try database.close()
    }

    @Test("Declarations are compared with the fields that a call has vectors for")
    func declarations() throws {
        let (database, collection) = try Self.made(SimulatedFileSystem(seed: 1))
        let other = ModelName("other")
        try collection.check(ModelDeclaration(any: other, fields: ["": other]), for: ["", "image"])
        try collection.setCard(Self.card)
        let right = ModelDeclaration(any: Self.mini)
        try collection.check(right, for: ["", "image", "words"])
        try collection.check(ModelDeclaration(any: ModelName("mini")), for: [""])
        try collection.check(ModelDeclaration(any: other), for: ["image"])
        try collection.check(ModelDeclaration(any: other), for: [])
        try collection.check(ModelDeclaration(any: other, fields: ["": Self.mini]), for: [""])
        try collection.check(ModelDeclaration(any: ModelName("splade")), for: ["words"])
        let wrong: [(ModelDeclaration, Set<String>)] = [
            (ModelDeclaration(any: other), [""]),
            (ModelDeclaration(any: ModelName("mini", version: "2")), ["", "image"]),
            (ModelDeclaration(any: other), ["words"]),
            (ModelDeclaration(fields: ["words": other]), [""]),
            (ModelDeclaration(any: Self.mini, fields: ["": other]), [""]),
        ]
        for (declaration, fields) in wrong {
            _ = refused(.conflict) { try collection.check(declaration, for: fields) }
        }
        try database.close()
    }

    @Test("A field that goes takes its model along") func droppedField() throws {
        let (database, collection) = try Self.made(SimulatedFileSystem(seed: 1))
        try collection.setCard(Self.card)
        try collection.dropVectorField("words")
        #expect(collection.card?.models.keys.sorted() == [""])
        #expect(collection.card?.corpus == Self.card.corpus)
        try database.close()
    }

    @Test("Recall is what the curves of segment files say, and 1 for what is scanned")
    func recall() throws {
        let database = try Self.open(SimulatedFileSystem(seed: 1))
        var configuration = CollectionConfiguration(dimension: 24, metric: .euclid)
        configuration.hnsw = HNSWConfiguration(m: 4, efConstruct: 16, fullScanThreshold: 0)
        let collection = try database.createCollection("c", configuration)
        #expect(try collection.measuredRecall() == MeasuredRecall())
        var random = SeededGenerator(seed: 1)
        func vectors(_ count: Int) -> [[Float]] {
            (0..<count).map { _ in
                (0..<24).map { _ in Float.random(in: -1...1, using: &random) }
            }
        }
        try collection.upsert([Point(id: 1_000_000, vector: vectors(1)[0])])
        #expect(try collection.measuredRecall().expected == ["": 1])
        try collection.upsert(
            vectors(4000).enumerated().map { Point(id: .number(UInt64($0)), vector: $1) })
        try collection.seal()
        let measured = try collection.measuredRecall()
        let expected = try #require(measured.expected[""])
        let answer = try collection.answer(QueryRequest(nearest: vectors(1)[0], limit: 10))
        // One is the mean over segments, the other over hits: the same up to rounding.
        #expect(abs((answer.recallExpected ?? 0) - expected) < 1e-9)
        #expect(expected > 0.3 && expected < 1)
        #expect(measured.observed == collection.observedRecall)
        try database.close()
    }
}
