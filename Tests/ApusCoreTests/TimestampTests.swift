import ApusCore
import Testing

@Suite struct TimestampTests {
    @Test(arguments: [
        ("1970-01-01", 0),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.5Z", -500_000),
        ("2024-02-29 12:30:15", 1_709_209_815_000_000),
        ("2024-02-29T12:30", 1_709_209_800_000_000),
        ("2024-02-29t12:30:15.123456789z", 1_709_209_815_123_456),
        ("2024-02-29T14:30:15+02:00", 1_709_209_815_000_000),
        ("2024-02-29T08:30:15-0400", 1_709_209_815_000_000),
        ("2024-02-29 13:30:15+01", 1_709_209_815_000_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
    ])
    func readsTheFormsThatTheWireAPIAccepts(text: String, microseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "", "2024", "2024-02", "2023-02-29", "2024-13-01", "2024-00-10", "2024-01-32",
        "2024-01-01T", "2024-01-01T24:00:00", "2024-01-01T10:60:00", "2024-01-01T10:00:00.",
        "2024-01-01T10:00:00+2", "2024-01-01T10:00:00Zx",
        "2024-01-01T10:00Z", "2024-01-01Z", "yesterday", "2024/01/01", "２０２４-01-01",
        "2024-01-01T10:00:00+",
    ])
    func refusesWhatIsNoTime(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test func printsWhatItReads() {
        for text in [
            "1970-01-01T00:00:00Z", "2024-02-29T12:30:15.5Z", "1969-12-31T23:59:59.000001Z",
            "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2000-03-01T00:00:00Z",
        ] {
            #expect(Timestamp(rfc3339: text)?.description == text)
        }
    }

    @Test func everyDayOfFourCenturiesComesBack() {
        let day: Int64 = 86_400_000_000
        for index in Int64(-20_000)..<126_100 {
            let time = Timestamp(microseconds: index * day + 1)
            #expect(Timestamp(rfc3339: time.description) == time)
        }
    }
}
