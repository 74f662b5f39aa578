//! A database in this process: made, filled, searched with a filter. No server.
//!
//! `swift run -c release FirstSearch`

import Apus
import Foundation

let folder = FileManager.default.temporaryDirectory.appending(path: "apus-first-search").path

let database = try Database.open(at: folder)
_ = try database.dropCollection("books")
let books = try database.createCollection(
    "books", CollectionConfiguration(dimension: 3, metric: .cosine))

// One call is one batch: after it returns, all of it survives a crash.
try books.upsert([
    Point(id: 1, vector: [0.9, 0.1, 0.1], payload: ["title": "Walden", "year": 1854]),
    Point(id: 2, vector: [0.8, 0.3, 0.1], payload: ["title": "Silent Spring", "year": 1962]),
    Point(id: 3, vector: [0.1, 0.9, 0.4], payload: ["title": "Moby-Dick", "year": 1851]),
])

let recent = Filter(must: [
    .field(PayloadPath(key: "year"), .range(NumericRange(greaterOrEqual: 1900)))
])
for hit in try books.query(QueryRequest(nearest: [1, 0, 0], limit: 2)) {
    print("like nature writing:", hit.id, hit.score)
}
for hit in try books.query(QueryRequest(nearest: [1, 0, 0], limit: 2, filter: recent)) {
    print("and not older than 1900:", hit.id, hit.score)
}

try database.close()
