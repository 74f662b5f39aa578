import ApusCore

/// Finds the route of a request target.
///
/// A path is split at `/` before it is decoded, so that an encoded slash stays part of a name.
/// Where a fixed segment and a parameter both fit, the fixed one wins.
struct RouteTable: Sendable {
    typealias Handler = @Sendable (RESTCall) async throws -> HTTPAnswer

    struct Route: Sendable {
        /// `/collections/{collection}/points`: what metrics and logs call the route.
        let template: String
        /// Answers without an API key.
        let isOpen: Bool
        fileprivate(set) var handlers: [String: Handler]
        fileprivate let segments: [Segment]
    }

    fileprivate enum Segment: Hashable, Sendable {
        case fixed(String)
        case parameter(String)
    }

    enum Match {
        case route(Route, parameters: [String: Substring])
        case notFound
    }

    /// By number of segments; within one number, routes with earlier fixed segments first.
    private var routes: [[Route]] = []

    /// Adds a handler for a method of `template`.
    mutating func on(
        _ method: String, _ template: String, isOpen: Bool = false,
        _ handler: @escaping Handler
    ) {
        let segments = template.split(separator: "/").map { part -> Segment in
            part.hasPrefix("{")
                ? .parameter(String(part.dropFirst().dropLast())) : .fixed(String(part))
        }
        while routes.count <= segments.count { routes.append([]) }
        if let index = routes[segments.count].firstIndex(where: { $0.template == template }) {
            routes[segments.count][index].handlers[method] = handler
        } else {
            let route = Route(
                template: template, isOpen: isOpen, handlers: [method: handler],
                segments: segments)
            let index = routes[segments.count].firstIndex { $0.isLessSpecific(than: route) }
            routes[segments.count].insert(route, at: index ?? routes[segments.count].endIndex)
        }
    }

    /// Every method of every route.
    var operations: [(method: String, template: String, isOpen: Bool)] {
        routes.joined().flatMap { route in
            route.handlers.keys.map {
                (method: $0, template: route.template, isOpen: route.isOpen)
            }
        }
    }

    func match(path: Substring) -> Match {
        let parts = path.split(separator: "/")
        guard parts.count < routes.count else { return .notFound }
        for route in routes[parts.count] {
            if let parameters = route.parameters(of: parts) {
                return .route(route, parameters: parameters)
            }
        }
        return .notFound
    }
}

extension RouteTable.Route {
    /// The last segment names something inside a collection (`/points/{id}`). Such a route also fits
    /// paths that other versions of the interface have (`POST /points/…`), so that another method
    /// there means an unknown path rather than a wrong method.
    var endsInItemName: Bool {
        if case .parameter? = segments.last { segments.count > 2 } else { false }
    }

    /// For the header `Allow`.
    var methods: String { handlers.keys.sorted().joined(separator: ", ") }

    /// The raw values of the parameters, or nil when a fixed segment differs. `parts` has as many
    /// elements as there are segments.
    fileprivate func parameters(of parts: [Substring]) -> [String: Substring]? {
        for (segment, part) in zip(segments, parts) {
            if case .fixed(let text) = segment, text != part { return nil }
        }
        var parameters: [String: Substring] = [:]
        for (segment, part) in zip(segments, parts) {
            if case .parameter(let name) = segment { parameters[name] = part }
        }
        return parameters
    }

    fileprivate func isLessSpecific(than other: RouteTable.Route) -> Bool {
        for (mine, theirs) in zip(segments, other.segments) {
            switch (mine, theirs) {
            case (.parameter, .fixed): return true
            case (.fixed, .parameter): return false
            case (.fixed, .fixed), (.parameter, .parameter): continue
            }
        }
        return false
    }
}

/// A request whose route is known.
struct RESTCall: Sendable {
    let http: HTTPCall
    let query: QueryParameters
    let start: ContinuousClock.Instant
    private let parameters: [String: Substring]

    init(
        _ http: HTTPCall, query: QueryParameters, parameters: [String: Substring],
        start: ContinuousClock.Instant
    ) {
        self.start = start
        self.http = http
        self.query = query
        self.parameters = parameters
    }

    /// The decoded value of a path parameter.
    func parameter(_ name: String) throws(DatabaseError) -> String {
        guard let raw = parameters[name] else {
            throw DatabaseError(.internalError, "The route has no parameter \(name)")
        }
        return try percentDecoded(raw)
    }

    /// The collection that the path names.
    var collection: String { get throws(DatabaseError) { try parameter("collection") } }
}
