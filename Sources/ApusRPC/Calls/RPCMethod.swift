package import NIOCore

/// One method of a service and what answers it.
package struct RPCMethod: Sendable {
    /// As in the descriptor, with the package: `qdrant.Points`.
    package let service: String
    package let name: String
    /// Both: `qdrant.Points/Query`.
    package let fullName: String
    let handler: Handler

    private init(_ service: String, _ name: String, _ handler: Handler) {
        self.service = service
        self.name = name
        fullName = "\(service)/\(name)"
        self.handler = handler
    }

    /// As HTTP/2 carries it: `/qdrant.Points/Query`.
    package var path: String { "/\(fullName)" }

    enum Handler: Sendable {
        case unary(@Sendable (ByteBuffer, RPCCall) -> Void)
        case streaming(@Sendable (RPCRequests, RPCWriter, RPCCall) async throws -> RPCMetadata)
    }

    /// A method with one message in and one out.
    ///
    /// `handler` gets the whole message on the connection's event loop, must not block there, and
    /// answers the call once, at any time and from any thread. Nothing is allocated for it but the
    /// call.
    package static func callback(
        _ service: String, _ name: String,
        handler: @escaping @Sendable (ByteBuffer, RPCCall) -> Void
    ) -> RPCMethod {
        RPCMethod(service, name, .unary(handler))
    }

    /// The same with an `async` function, in a task that runs on the connection's event loop
    /// wherever it is not elsewhere. What it throws is the call's status; see
    /// `RPCError.init(thrown:)`. The task is cancelled with the call.
    package static func unary(
        _ service: String, _ name: String,
        body: @escaping @Sendable (ByteBuffer, RPCCall) async throws -> RPCReply
    ) -> RPCMethod {
        callback(service, name) { message, call in
            call.run { .reply(try await body(message, call)) }
        }
    }

    /// A method with any number of messages in and out: client, server and bidirectional
    /// streaming. It ends the call by returning its trailing metadata.
    package static func streaming(
        _ service: String, _ name: String,
        body: @escaping @Sendable (RPCRequests, RPCWriter, RPCCall) async throws -> RPCMetadata
    ) -> RPCMethod {
        RPCMethod(service, name, .streaming(body))
    }
}

/// The answer of a unary method: its message, and metadata for the headers before it.
package struct RPCReply: Sendable {
    package var message: FramedMessage
    package var metadata: RPCMetadata

    package init(_ message: FramedMessage, metadata: RPCMetadata = RPCMetadata()) {
        self.message = message
        self.metadata = metadata
    }
}

/// How a handler ends its call when nothing goes wrong.
package enum RPCEnding: Sendable {
    /// Of a method with one message out.
    case reply(RPCReply)
    /// Of a streaming method, whose messages are written by then.
    case trailers(RPCMetadata)
}

extension RPCCall {
    /// Runs a handler as a task of this call: cancelled with it, its errors the call's status. It
    /// starts on the caller's thread, the event loop, and ends there if it never suspends.
    package func run(_ body: @escaping @Sendable () async throws -> RPCEnding) {
        let task = Task.immediate(executorPreference: executor) {
            do {
                let ending =
                    if let around = self.around { try await around(self, body) } else {
                        try await body()
                    }
                switch ending {
                case .reply(let reply): self.respond(reply.message, metadata: reply.metadata)
                case .trailers(let trailers): self.finish(trailers: trailers)
                }
            } catch {
                self.fail(RPCError(thrown: error))
            }
        }
        if !hasEnded { onCancel { task.cancel() } }
    }
}

/// The methods of a server by their paths.
package struct RPCMethodTable: Sendable {
    private var methods: [String: RPCMethod] = [:]

    package init(_ methods: [RPCMethod] = []) {
        for method in methods { add(method) }
    }

    /// A second method of the same path replaces the first.
    package mutating func add(_ method: RPCMethod) { methods[method.path] = method }

    package var paths: [String] { methods.keys.sorted() }

    func find(_ path: String) -> RPCMethod? { methods[path] }
}

/// What a server does around every call to a method that it has, on the event loop.
package struct RPCHooks: Sendable {
    /// Runs the handler, which is its second argument, or refuses the call by throwing. The call is
    /// answered once this returns: what it does after the handler is done before the client hears
    /// anything. Methods that answer by a callback have no handler in this sense.
    package typealias Around =
        @Sendable (RPCCall, @Sendable () async throws -> RPCEnding) async throws -> RPCEnding

    /// Refuses a call by throwing, before its message is read.
    package var admit: (@Sendable (RPCCall) throws(RPCError) -> Void)?
    package var around: Around?
    /// Called once when a call has ended, with its status; `cancelled` if nobody waited for one.
    package var finished: (@Sendable (RPCCall, RPCStatusCode) -> Void)?

    package init(
        admit: (@Sendable (RPCCall) throws(RPCError) -> Void)? = nil,
        around: Around? = nil,
        finished: (@Sendable (RPCCall, RPCStatusCode) -> Void)? = nil
    ) {
        self.admit = admit
        self.around = around
        self.finished = finished
    }
}
