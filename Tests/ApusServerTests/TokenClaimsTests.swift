import ApusCore
import ApusServer
import Foundation
import Testing

@Suite("What a verified token allows")
struct TokenClaimsTests {
    private static let now = Date(timeIntervalSince1970: 1_700_000_000)

    private static func caller(
        _ claims: JSONValue, _ change: (inout ServerConfiguration.Auth.JWT) -> Void = { _ in }
    ) throws -> Caller {
        var settings = ServerConfiguration.Auth.JWT()
        change(&settings)
        return try TokenClaims(claims, settings, now: now).caller.caller
    }

    @Test func globalAccess() throws {
        #expect(try Self.caller(["access": "r"]).access == .reading)
        #expect(try Self.caller(["access": "m"]).access == .everything)
        #expect(try Self.caller(["access": "m", "sub": "alice"]).subject == "jwt:alice")
    }

    @Test func collections() throws {
        let caller = try Self.caller([
            "access": [
                ["collection": "a", "access": "r"],
                ["collection": "b", "access": "rw", "payload": ["tenant": 7]],
            ]
        ])
        let tenant = Filter(must: [.field(try #require(PayloadPath("tenant")), .matchInteger(7))])
        #expect(
            caller.access
                == .collections([
                    "a": CollectionAccess(writes: false),
                    "b": CollectionAccess(writes: true, filter: tenant),
                ]))
    }

    @Test(
        "A claim that cannot be understood refuses the token, and so does one that is missing",
        arguments: [
            "x", [:], ["access": "rw"], ["access": 1], ["access": ["r"]],
            ["access": [["collection": "a"]]],
            ["access": [["collection": "a", "access": "prw"]]],
            ["access": [["collection": "a", "access": "r", "payload": ["x"]]]],
            ["access": [["collection": "a", "access": "r", "payload": ["k": 1.5]]]],
            ["access": [["collection": "a", "access": "r", "payload": ["": 1]]]],
            [
                "access": [
                    ["collection": "a", "access": "r", "payload": ["k": 1]],
                    ["collection": "a", "access": "rw"],
                ]
            ],
            ["access": "m", "exp": "tomorrow"], ["access": "m", "value_exists": ["a": 1]],
            ["access": "m", "value_exists": ["collection": "a", "matches": []]],
        ] as [JSONValue])
    func refused(claims: JSONValue) {
        let error = #expect(throws: DatabaseError.self) { _ = try Self.caller(claims) }
        #expect(error?.kind == .unauthenticated)
    }

    @Test("Times hold to within the leeway")
    func times() throws {
        let seconds = Int64(Self.now.timeIntervalSince1970)
        for (claims, isValid) in [
            (["access": "m", "exp": .integer(seconds + 1)], true),
            (["access": "m", "exp": .integer(seconds - 29)], true),
            (["access": "m", "exp": .integer(seconds - 31)], false),
            (["access": "m", "nbf": .integer(seconds + 29)], true),
            (["access": "m", "nbf": .integer(seconds + 31)], false),
            (["access": "m", "exp": .double(Double(seconds) - 31.5)], false),
        ] as [(JSONValue, Bool)] {
            let found = try? Self.caller(claims)
            #expect((found != nil) == isValid, "\(claims)")
        }
    }

    @Test func issuerAndAudience() throws {
        for (claims, isValid) in [
            (["access": "m", "iss": "us", "aud": "apus"], true),
            (["access": "m", "iss": "us", "aud": ["other", "apus"]], true),
            (["access": "m", "iss": "them", "aud": "apus"], false),
            (["access": "m", "iss": "us", "aud": ["other"]], false),
            (["access": "m", "aud": "apus"], false),
            (["access": "m", "iss": "us"], false),
        ] as [(JSONValue, Bool)] {
            let found = try? Self.caller(claims) {
                $0.issuer = "us"
                $0.audience = "apus"
            }
            #expect((found != nil) == isValid, "\(claims)")
        }
    }
}
