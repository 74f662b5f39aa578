// swift-tools-version: 6.2
import PackageDescription

/// Every target is built the same way: Swift 6 language mode, every unsafe expression marked,
/// imports with their access level, and no warnings.
let settings: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
]

/// `ApusProto` is generated protobuf code as its generator wrote it, which is not held to
/// memory-safety marking and import levels. It is a module of its own because it takes minutes to
/// compile and hardly ever changes.
let generatedCodeSettings: [SwiftSetting] = [.enableUpcomingFeature("ExistentialAny")]

let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")
let grpcCore: Target.Dependency = .product(name: "GRPCCore", package: "grpc-swift-2")
let grpcProtobuf: Target.Dependency = .product(
    name: "GRPCProtobuf", package: "grpc-swift-protobuf")
let grpcTransport: Target.Dependency = .product(
    name: "GRPCNIOTransportHTTP2", package: "grpc-swift-nio-transport")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP2: Target.Dependency = .product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioHPACK: Target.Dependency = .product(name: "NIOHPACK", package: "swift-nio-http2")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")

let package = Package(
    name: "apus",
    platforms: [.macOS(.v26)],
    products: [
        .library(name: "Apus", targets: ["Apus"]),
        .executable(name: "apus", targets: ["ApusCLI"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        // C and system libraries
        .target(name: "CApusKernels"),
        .target(name: "CApusTable", exclude: ["static.apustable"]),
        .target(name: "CApusSystem"),
        .systemLibrary(
            name: "CKafka", pkgConfig: "rdkafka",
            providers: [.apt(["librdkafka-dev"]), .brew(["librdkafka"])]),
        .systemLibrary(
            name: "CLZ4", pkgConfig: "liblz4",
            providers: [.apt(["liblz4-dev"]), .brew(["lz4"])]),
        .systemLibrary(
            name: "COpenBLAS", pkgConfig: "openblas",
            providers: [.apt(["libopenblas-dev"]), .brew(["openblas"])]),
        .systemLibrary(
            name: "CPostgres", pkgConfig: "libpq",
            providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
        .systemLibrary(
            // Not by pkg-config, whose flags SwiftPM refuses.
            name: "CRedis",
            providers: [.apt(["libhiredis-dev"]), .brew(["hiredis"])]),
        .systemLibrary(
            name: "CSnappy", pkgConfig: "snappy",
            providers: [.apt(["libsnappy-dev"]), .brew(["snappy"])]),
        .systemLibrary(
            name: "CZstd", pkgConfig: "libzstd",
            providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),
        .systemLibrary(
            name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(
            name: "CStemmer", providers: [.apt(["libstemmer-dev"]), .brew(["snowball"])]),

        // The engine: no network package below this line's last entry, Apus
        .target(name: "ApusCore", swiftSettings: settings),
        .target(
            name: "ApusKernels", dependencies: ["ApusCore", "CApusKernels", "COpenBLAS"],
            swiftSettings: settings),
        .target(
            name: "ApusStorage", dependencies: ["ApusCore", "ApusKernels", "CApusSystem", "CLZ4"],
            swiftSettings: settings),
        .target(
            name: "ApusIndex", dependencies: ["ApusCore", "ApusKernels"], swiftSettings: settings),
        .target(
            name: "ApusQuery", dependencies: ["ApusCore", "ApusKernels", "ApusIndex"],
            swiftSettings: settings),
        .target(
            name: "Apus",
            dependencies: ["ApusCore", "ApusKernels", "ApusStorage", "ApusIndex", "ApusQuery"],
            swiftSettings: settings),

        // The edges
        .target(
            name: "ApusProto", dependencies: [protobuf],
            path: "Sources/ApusWire/Generated", swiftSettings: generatedCodeSettings),
        .target(
            name: "ApusWire", dependencies: ["ApusCore", "ApusProto", "ApusText", protobuf],
            exclude: ["Generated", "Proto"], swiftSettings: settings),
        .target(
            name: "ApusText", dependencies: ["ApusCore", "CStemmer"], swiftSettings: settings),
        .target(
            name: "ApusPipeline",
            dependencies: [
                "ApusCore", "ApusKernels", "CApusTable", "CLZ4", "CSnappy", "CZlib", "CZstd",
            ],
            swiftSettings: settings),
        .target(
            name: "ApusConnectors",
            dependencies: [
                "ApusCore", "ApusKernels", "ApusPipeline", "CKafka", "CPostgres", "CRedis",
                grpcCore, grpcProtobuf, grpcTransport, nioCore, nioPosix, protobuf,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "Yams", package: "Yams"),
            ], exclude: ["Inference/Proto"], swiftSettings: settings),
        .target(
            name: "ApusDocuments", dependencies: ["Apus", "ApusCore", "ApusPipeline"],
            swiftSettings: settings),
        .target(
            name: "ApusRPC",
            dependencies: [
                "CZlib", nioCore, nioPosix, nioHTTP2, nioHPACK, nioSSL,
                .product(name: "NIOTLS", package: "swift-nio"),
            ], swiftSettings: settings),
        .target(
            name: "ApusServer",
            dependencies: [
                "Apus", "ApusCore", "ApusPipeline", "ApusProto", "ApusRPC", "ApusText", "ApusWire",
                grpcCore, grpcTransport, logging, nioCore, nioPosix, nioSSL, protobuf,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ], swiftSettings: settings),
        .target(
            name: "ApusBench",
            dependencies: [
                "Apus", "ApusCore", "ApusIndex", "ApusKernels", "ApusPipeline",
            ], swiftSettings: settings),
        .executableTarget(
            name: "ApusCLI",
            dependencies: [
                "Apus", "ApusBench", "ApusConnectors", "ApusCore", "ApusDocuments", "ApusKernels",
                "ApusPipeline", "ApusProto", "ApusServer", "ApusStorage", "ApusText", "ApusWire",
                grpcCore, grpcProtobuf, grpcTransport, logging, protobuf,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: settings),

        // Tests
        .target(
            name: "TestSupport", dependencies: ["ApusCore", "ApusKernels", "ApusStorage"],
            path: "Tests/TestSupport",
            swiftSettings: settings),
        .testTarget(
            name: "ApusCoreTests", dependencies: ["ApusCore", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "ApusKernelsTests", dependencies: ["ApusKernels", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "ApusStorageTests", dependencies: ["ApusCore", "ApusStorage", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "ApusIndexTests",
            dependencies: ["ApusCore", "ApusIndex", "ApusKernels", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "ApusTests",
            dependencies: ["Apus", "ApusIndex", "ApusQuery", "ApusStorage", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "ApusWireTests",
            dependencies: ["ApusCore", "ApusProto", "ApusWire", "TestSupport", protobuf],
            exclude: ["Fixtures"], swiftSettings: settings),
        .testTarget(
            name: "ApusTextTests", dependencies: ["ApusCore", "ApusText"],
            swiftSettings: settings),
        .testTarget(
            name: "ApusPipelineTests", dependencies: ["ApusCore", "ApusPipeline", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "ApusConnectorsTests",
            dependencies: ["ApusConnectors", "ApusCore", "ApusKernels", "ApusPipeline"],
            swiftSettings: settings),
        .testTarget(
            name: "ApusDocumentsTests",
            dependencies: ["Apus", "ApusCore", "ApusDocuments", "ApusPipeline"],
            swiftSettings: settings),
        .testTarget(
            name: "ApusBenchTests", dependencies: ["ApusBench", "ApusCore", "ApusPipeline"],
            swiftSettings: settings),
        .testTarget(
            name: "ApusRPCTests",
            dependencies: ["ApusRPC", nioCore, nioPosix, nioHTTP2, nioHPACK, nioSSL],
            swiftSettings: settings),
        .testTarget(
            name: "ApusServerTests",
            dependencies: [
                "Apus", "ApusCore", "ApusProto", "ApusRPC", "ApusServer", "ApusText", "ApusWire",
                "TestSupport", grpcCore, grpcProtobuf, grpcTransport, logging, nioPosix, protobuf,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "FuzzTests",
            dependencies: [
                "Apus", "ApusConnectors", "ApusCore", "ApusIndex", "ApusKernels", "ApusPipeline",
                "ApusProto", "ApusServer", "ApusStorage", "ApusWire", "TestSupport", protobuf,
            ], swiftSettings: settings),
        .testTarget(name: "TidyTests", swiftSettings: settings),
    ]
)
