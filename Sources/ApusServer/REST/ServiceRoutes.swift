import ApusCore

/// Version, health, metrics: what a client or a monitor asks before anything else.
func addServiceRoutes(
    to routes: inout RouteTable, _ operations: Operations, _ metrics: RequestMetrics
) {
    let version = ServerVersion.current
    routes.on("GET", "/", isOpen: true) { _ in
        .json(
            Envelope.bare([
                "title": .string(version.title), "version": .string(version.interface),
                "apus": .string(version.apus),
            ]))
    }
    for (path, text) in [
        ("/healthz", "healthz check passed"), ("/livez", "livez check passed"),
        ("/readyz", "all shards are ready"),
    ] {
        routes.on("GET", path, isOpen: true) { _ in .text(text) }
    }
    routes.on("GET", "/metrics") { _ in
        let page = await MetricsPage(operations: operations, requests: metrics)
        return HTTPAnswer(
            status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8",
            body: Array(page.text.utf8))
    }
    routes.on("GET", "/telemetry") { _ in
        let start = ContinuousClock.now
        return .json(
            Envelope.result(
                [
                    "id": .string("apus"),
                    "app": ["name": .string("apus"), "version": .string(version.apus)],
                    "collections": [
                        "number_of_collections": .integer(
                            Int64(operations.collectionNames().count))
                    ],
                ], since: start))
    }
    routes.on("GET", "/cluster") { _ in
        .json(Envelope.result(["status": "disabled"], since: ContinuousClock.now))
    }
}
