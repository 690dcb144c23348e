// swift-tools-version: 6.3
import PackageDescription

let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableExperimentalFeature("Lifetimes"),
    .enableUpcomingFeature("ExistentialAny"),
]

/// A target of shipped code: strict memory safety, warnings are errors, no Foundation (TidyTests hold that).
func shipped(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, exclude: exclude, swiftSettings: [.treatAllWarnings(as: .error)])
}

let package = Package(
    name: "afterthought",
    products: [
        .library(name: "StrategicCache", targets: ["StrategicCache"]),
        .executable(name: "afterthought", targets: ["afterthought"]),
        // The reader for programs in other languages; `make reader` builds it with all of Swift in it.
        .library(name: "afterthought_reader", type: .dynamic, targets: ["ReaderABI"]),
    ],
    // What needs more than libpq is optional: the gate builds and tests without it, so that nothing else can come to
    // need more.
    traits: [
        .trait(name: "Operations", description: "The operations endpoint, over libmicrohttpd"),
        .trait(name: "LanguageModel", description: "The optional language model, over libcurl"),
        .default(enabledTraits: ["Operations", "LanguageModel"]),
    ],
    targets: [
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CCurl"),
        .systemLibrary(name: "CMicroHTTP"),
        .target(name: "CAssets", exclude: ["embedding", "emotion", "page", "sample"]),
        .target(name: "Bytes", swiftSettings: strict, linkerSettings: [.linkedLibrary("m")]),
        shipped("Model", ["Bytes"]),
        shipped("Engines", ["Model", "Bytes"]),
        shipped("Postgres", ["CLibPQ", "Bytes"]),
        shipped("Store", ["Postgres", "Model", "Bytes", "CAssets"]),
        shipped("StrategicCache", ["Postgres", "Model", "Bytes"]),
        .target(name: "CReader", exclude: ["exports.map"]),
        shipped("ReaderABI", ["CReader", "StrategicCache", "Bytes"]),
        shipped("Worker", ["Store", "Engines", "Postgres", "Model", "Bytes"]),
        shipped("Learning", ["Engines", "Model", "Bytes"]),
        shipped("Jobs", ["Store", "Learning", "Engines", "Postgres", "Model", "Bytes"]),
        shipped(
            "LanguageModel",
            [
                .target(name: "CCurl", condition: .when(traits: ["LanguageModel"])), "Jobs", "Store", "Learning",
                "Postgres", "Bytes",
            ]),
        shipped(
            "Operations",
            [
                .target(name: "CMicroHTTP", condition: .when(traits: ["Operations"])), "Store", "Postgres", "Model",
                "Bytes",
            ]),
        .executableTarget(
            name: "afterthought",
            dependencies: [
                "Worker", "LanguageModel", "Operations", "Jobs", "Store", "StrategicCache", "Learning", "Engines",
                "Postgres", "Model", "Bytes",
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "bench",
            dependencies: [
                "Worker", "Jobs", "Store", "StrategicCache", "Learning", "Engines", "Postgres", "Model", "Bytes",
                "CLibPQ",
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "fuzz",
            dependencies: [
                "ReaderABI", "CReader", "Worker", "Store", "StrategicCache", "Engines", "Postgres", "Model", "Bytes",
            ],
            swiftSettings: strict),
        .executableTarget(name: "example", dependencies: ["StrategicCache"], path: "Tests/Example"),
        .target(
            name: "Support",
            dependencies: ["Worker", "Jobs", "Store", "Learning", "Engines", "Postgres", "Model", "Bytes"],
            path: "Tests/Support"),
        .executableTarget(
            name: "fault-worker", dependencies: ["Worker", "Store", "Engines", "Postgres", "Model", "Support"],
            path: "Tests/FaultWorker", swiftSettings: [.treatAllWarnings(as: .error)]),
        tests("BytesTests", ["Bytes"]),
        tests("ModelTests", ["Model", "Bytes"]),
        tests("EnginesTests", ["Engines", "Model", "Bytes", "CAssets", "Support"], exclude: ["Resources"]),
        tests("LearningTests", ["Learning", "Engines", "Model", "Bytes", "Support"]),
        tests(
            "JobsTests", ["Jobs", "Store", "Learning", "Worker", "Engines", "Postgres", "Model", "Bytes", "Support"]),
        tests(
            "LanguageModelTests",
            ["LanguageModel", "Jobs", "Store", "Learning", "Postgres", "Bytes", "Support"]),
        tests("OperationsTests", ["Operations", "StrategicCache", "Store", "Postgres", "Model", "Bytes", "Support"]),
        tests("PostgresTests", ["Postgres", "Bytes", "Support"]),
        tests("StrategicCacheTests", ["StrategicCache", "Postgres", "Model", "Bytes", "Support"]),
        tests("ReaderABITests", ["ReaderABI", "CReader", "StrategicCache", "Postgres", "Bytes", "Support"]),
        tests(
            "DatabaseTests",
            [
                "afterthought", "LanguageModel", "Operations", "Worker", "Jobs", "Store", "StrategicCache", "Learning",
                "Engines", "Postgres", "Model", "Bytes", "Support",
            ],
            exclude: ["Snapshots"]),
        tests(
            "FaultTests",
            [
                "Worker", "Store", "StrategicCache", "Engines", "Postgres", "Model", "Bytes", "Support", "fault-worker",
            ],
            exclude: ["kill-rounds"]),
        tests("TidyTests", []),
    ],
    cLanguageStandard: .c2x
)
