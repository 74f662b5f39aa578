import ApusServer
import Testing

/// From where a server may fetch, and who is meant by an address.
@Suite("Addresses that may be fetched from") struct RemoteURLTests {
    @Test(
        "Who can be reached at an address",
        arguments: [
            ("8.8.8.8", .everybody), ("172.15.0.1", .everybody), ("100.63.0.1", .everybody),
            ("2606:4700::1111", .everybody), ("64:ff9b::8.8.8.8", .everybody),
            ("127.0.0.1", .localNetwork), ("10.1.2.3", .localNetwork),
            ("172.31.255.1", .localNetwork), ("192.168.0.1", .localNetwork),
            ("100.64.0.1", .localNetwork), ("::1", .localNetwork), ("fd00::1", .localNetwork),
            ("::ffff:10.0.0.1", .localNetwork), ("64:ff9b::10.0.0.1", .localNetwork),
            ("2002:a00:1::", .localNetwork), ("2001:db8::1", .localNetwork),
            ("169.254.169.254", .link), ("::ffff:169.254.169.254", .link), ("0.0.0.0", .link),
            ("224.0.0.1", .link), ("255.255.255.255", .link), ("::", .link), ("fe80::1", .link),
            ("ff02::1", .link), ("::a9fe:a9fe", .link), ("64:ff9b::169.254.169.254", .link),
        ] as [(String, IPAddress.Reach)])
    func reach(text: String, reach: IPAddress.Reach) throws {
        #expect(try #require(IPAddress(text)).reach == reach)
    }

    @Test(
        "What is no address",
        arguments: [
            "", "127.1", "2130706433", "0x7f.0.0.1", "127.0.0.01", "1.2.3.4.5", "256.1.1.1",
            "a.b.c.d",
            "1.2.3.", "+1.2.3.4", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
            "fe80::1%eth0",
            "12345::", "::g", "[::1]", "1.2.3.4::", "::+1",
        ])
    func noAddress(text: String) { #expect(IPAddress(text) == nil) }

    @Test(
        "Only what can be read in one way is a URL",
        arguments: [
            "", "ftp://a/", "file:///a", "http://", "http:///a", "http://user@a/", "http://a:b@c/",
            "http://a/#b", "http://a b/", "http://a\\b/", "http://a/../b", "http://a/%2e%2E/b",
            "http://a/x%2f..%2fb", "http://a/x%5c..%5cb", "http://a/%zz", "http://a:0/",
            "http://a:65536/", "http://a:1:2/", "http://a:/", "http://[::1/", "http://::1/",
            "http://[a]/",
            "http://ä/", "http://a%2eb/", "http://a..b/", "http://.a/", "http://a_b/", "http://*/",
            "http://a/\n", "http://a/ b",
        ])
    func malformed(text: String) { #expect(RemoteURL(text) == nil) }

    @Test(
        "A prefix covers what begins with its scheme, host, port and path",
        arguments: [
            ("https://a.example/x/", "https://A.example:443/x/y.snapshot?sig=1%2f..", true),
            ("https://a.example/x/", "https://a.example/x", false),
            ("https://a.example/x", "https://a.example/x", true),
            ("https://a.example/x", "https://a.example/x/y", true),
            ("https://a.example/x", "https://a.example/xy", false),
            ("https://a.example/", "http://a.example/x", false),
            ("https://a.example/", "https://a.example:444/x", false),
            ("https://a.example", "https://a.example.evil.org/x", false),
            ("https://a.example", "https://b.a.example/x", false),
            ("https://*.a.example/", "https://b.a.example/x", true),
            ("https://*.a.example/", "https://a.example/x", false),
            ("https://*.a.example/", "https://ba.example/x", false),
            ("https://*/x/", "https://any.org/x/y", true),
            ("https://*/x/", "https://any.org/y", false),
            ("http://[::1]:9000/", "http://[::1]:9000/a", true),
            ("http://127.0.0.1:9000/", "http://127.0.0.1:9000/a", true),
        ])
    func covering(prefix: String, url: String, isCovered: Bool) throws {
        let prefix = try #require(URLPrefix(prefix))
        #expect(prefix.covers(try #require(RemoteURL(url))) == isCovered)
    }

    @Test(
        "A network that is not open to all needs a host that is named, a link its address",
        arguments: [
            ("https://*/", true, false, false), ("https://*.a.example/", true, false, false),
            ("https://a.example/", true, true, false),
            ("http://169.254.169.254/", true, true, true),
        ])
    func permitting(prefix: String, everybody: Bool, local: Bool, link: Bool) throws {
        let prefix = try #require(URLPrefix(prefix))
        for (address, isPermitted) in [
            ("8.8.8.8", everybody), ("10.0.0.1", local), ("127.0.0.1", local), ("fe80::1", link),
        ] {
            #expect(prefix.permits(try #require(IPAddress(address))) == isPermitted, "\(address)")
        }
    }

    @Test("The setting takes prefixes with commas between them, and nothing else")
    func setting() throws {
        func allowed(_ text: String) throws -> [String] {
            let option = (key: "storage.recover_from", text: text, place: "--set")
            let data = (key: "storage.data", text: "/d", place: "--set")
            return try ConfigurationSources(options: [data, option]).effective()
                .configuration.recovery.allowed.map(\.text)
        }
        #expect(try allowed("") == [])
        #expect(
            try allowed("https://a.example/x/, http://127.0.0.1:9000/")
                == ["https://a.example/x/", "http://127.0.0.1:9000/"])
        for wrong in [
            "*", "a.example", "https://", "https://a/?x", "https://a.*/", "https://a/ https://b/",
        ] {
            #expect(throws: ConfigurationErrors.self, "\(wrong)") { _ = try allowed(wrong) }
        }
    }
}
