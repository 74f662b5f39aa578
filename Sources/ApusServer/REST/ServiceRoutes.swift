import ApusCore
import ApusWire

/// The description of all routes, itself included; made when somebody asks for it.
func addDescriptionRoute(to routes: inout RouteTable) {
    let template = "/openapi.json"
    let operations = routes.operations + [(method: "GET", template: template, isOpen: false)]
    routes.on("GET", template) { _ in .json(OpenAPIDocument.json(operations).jsonBytes) }
}

/// Version, health, metrics: what a client or a monitor asks before anything else.
func addServiceRoutes(
    to routes: inout RouteTable, _ operations: Operations, _ json: JSONExchange,
    _ metrics: ServerMetrics
) {
    let version = ServerVersion.current
    routes.on("GET", "/", isOpen: true) { _ in
        .json(
            ResponseEncoder.version(
                title: version.title, version: version.interface, productVersion: version.apus,
                commit: nil))
    }
    for (path, text) in [
        ("/healthz", "healthz check passed"), ("/livez", "livez check passed"),
        ("/readyz", "readyz check passed"),
    ] {
        routes.on("GET", path, isOpen: true) { _ in .text(text) }
    }
    routes.on("GET", "/metrics") { _ in
        HTTPAnswer(
            status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8",
            body: Array(try await metrics.text().utf8))
    }
    routes.on("GET", "/telemetry") { call in
        let collections = try await operations.collectionNames().count
        return try await json.answer(call) { seconds in
            ResponseEncoder.envelope(seconds) {
                $0.write([
                    "id": "apus",
                    "app": ["name": "apus", "version": .string(version.apus)],
                    "collections": ["number_of_collections": .integer(Int64(collections))],
                ])
            }
        }
    }
}
