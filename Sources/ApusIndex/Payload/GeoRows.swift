internal import ApusCore

#if canImport(Darwin)
private import Darwin
#else
private import Glibc
#endif

/// Rows by their places on the earth, along a Z-order curve (Morton, 1966): places that share the
/// first bits of their keys share a cell of a quadtree over longitude and latitude.
///
/// An area is looked up by going down the quadtree: cells outside it are left out, others are
/// split until few places are in them, and these are tested one by one. Places that are not on the
/// map (|longitude| > 180, |latitude| > 90) stand at the end and are always tested.
struct GeoRows: Sendable {
    /// Cells with so many places or fewer are tested place by place.
    private static let placesPerCell = 32
    /// An estimate splits so many cells, and tests so many places of each.
    private static let splitsOfEstimate = 32
    private static let placesTested = 4

    private let ordered: OrderedRows
    private let longitudes: SectionArray<UInt64>
    private let latitudes: SectionArray<UInt64>

    struct Entry {
        let key: UInt64
        let row: UInt32
        let point: GeoPoint

        init(_ point: GeoPoint, row: UInt32) {
            key = GeoRows.key(of: point)
            self.row = row
            self.point = point
        }
    }

    init(_ parts: inout SectionParts, rowCount: Int) throws(MalformedBytes) {
        ordered = try OrderedRows(&parts, rowCount: rowCount)
        longitudes = try parts.next()
        latitudes = try parts.next()
        guard longitudes.count == ordered.count, latitudes.count == ordered.count else {
            throw parts.malformed("a place without its coordinates")
        }
    }

    static func write(_ entries: [Entry], rowCount: Int, to parts: inout SectionPartsWriter) {
        let sorted = entries.sorted { $0.key == $1.key ? $0.row < $1.row : $0.key < $1.key }
        OrderedRows.write(sorted.map { ($0.key, $0.row) }, rowCount: rowCount, to: &parts)
        parts.add(sorted.map(\.point.longitude.bitPattern))
        parts.add(sorted.map(\.point.latitude.bitPattern))
    }

    /// Adds the rows inside an area.
    func unite(_ area: GeoArea, into rows: inout Bitmap) {
        let boxes = area.boundingBoxes
        forEachCell(touching: boxes) { places in
            for place in places where area.contains(point(at: place)) {
                ordered.unite(place..<(place + 1), into: &rows)
            }
        }
    }

    var count: Int { ordered.count }

    /// How many places an area has. Of large cells a few places are tested and stand for the others.
    func estimatedCount(in area: GeoArea) -> Cardinality {
        var found = Cardinality.exactly(0)
        forEachCell(touching: area.boundingBoxes, splits: Self.splitsOfEstimate) { places in
            let step = max(1, places.count / Self.placesTested)
            let tested = stride(from: places.lowerBound, to: places.upperBound, by: step)
            let (hits, count) = tested.reduce((0, 0)) { sum, place in
                (sum.0 + (area.contains(point(at: place)) ? 1 : 0), sum.1 + 1)
            }
            let share = Double(hits) / Double(max(1, count))
            found =
                found
                + Cardinality(
                    min: hits, expected: share * Double(places.count),
                    max: places.count - (count - hits))
        }
        return found
    }

    private func point(at place: Int) -> GeoPoint {
        GeoPoint(
            longitude: Double(bitPattern: longitudes[place]),
            latitude: Double(bitPattern: latitudes[place]))
    }

    /// Calls `body` with the places of small cells that touch a box; each once.
    ///
    /// Cells are split level by level, so often at most; what is large then stays so.
    private func forEachCell(
        touching boxes: [GeoBox], splits: Int = .max, _ body: (Range<Int>) -> Void
    ) {
        let offMap = ordered.first(atLeast: Self.offMapKey)
        if offMap < ordered.count { body(offMap..<ordered.count) }
        var level = [Cell(key: 0, level: 0)]
        var splitsLeft = splits
        while !level.isEmpty {
            var deeper: [Cell] = []
            for cell in level {
                let start = ordered.first(atLeast: cell.key)
                let end = min(ordered.first(above: cell.lastKey), offMap)
                guard start < end, boxes.contains(where: { $0.touches(cell.box) }) else { continue }
                let isSmall =
                    end - start <= Self.placesPerCell || cell.level == Cell.levelMax
                if isSmall || splitsLeft == 0 {
                    body(start..<end)
                } else {
                    splitsLeft -= 1
                    deeper += cell.quarters
                }
            }
            level = deeper
        }
    }

    // MARK: Keys

    private static let offMapKey = UInt64.max

    /// 32 bits of longitude and 32 of latitude, interleaved; the largest key stands for places that
    /// are not on the map (and for the one corner that it is the key of).
    private static func key(of point: GeoPoint) -> UInt64 {
        guard abs(point.longitude) <= 180, abs(point.latitude) <= 90 else { return offMapKey }
        return spread(cell(point.longitude, span: 360)) << 1
            | spread(cell(point.latitude, span: 180))
    }

    private static func cell(_ degrees: Double, span: Double) -> UInt32 {
        UInt32(min((degrees / span + 0.5) * 4_294_967_296, 4_294_967_295))
    }

    /// Puts a zero in front of each bit.
    private static func spread(_ value: UInt32) -> UInt64 {
        var bits = UInt64(value)
        bits = (bits | bits << 16) & 0x0000_ffff_0000_ffff
        bits = (bits | bits << 8) & 0x00ff_00ff_00ff_00ff
        bits = (bits | bits << 4) & 0x0f0f_0f0f_0f0f_0f0f
        bits = (bits | bits << 2) & 0x3333_3333_3333_3333
        return (bits | bits << 1) & 0x5555_5555_5555_5555
    }

    /// A cell of the quadtree: all keys whose first `2 * level` bits are those of `key`.
    private struct Cell {
        static let levelMax = 32

        let key: UInt64
        let level: Int

        var lastKey: UInt64 { level == 0 ? .max : key | (.max >> UInt64(2 * level)) }

        var quarters: [Cell] {
            (UInt64(0)..<4).map { quarter in
                Cell(key: key | quarter << UInt64(62 - 2 * level), level: level + 1)
            }
        }

        var box: GeoBox {
            let size = 1 / Double(UInt64(1) << UInt64(level))
            let west = Double(Self.gather(key >> 1)) / 4_294_967_296
            let south = Double(Self.gather(key)) / 4_294_967_296
            return GeoBox(
                west: west * 360 - 180, south: south * 180 - 90,
                east: (west + size) * 360 - 180, north: (south + size) * 180 - 90)
        }

        /// The reverse of `spread`.
        private static func gather(_ bits: UInt64) -> UInt32 {
            var value = bits & 0x5555_5555_5555_5555
            value = (value | value >> 1) & 0x3333_3333_3333_3333
            value = (value | value >> 2) & 0x0f0f_0f0f_0f0f_0f0f
            value = (value | value >> 4) & 0x00ff_00ff_00ff_00ff
            value = (value | value >> 8) & 0x0000_ffff_0000_ffff
            return UInt32(truncatingIfNeeded: value | value >> 16)
        }
    }
}

/// Degrees, edges included; west is not east of east.
struct GeoBox {
    var west: Double
    var south: Double
    var east: Double
    var north: Double

    static let map = GeoBox(west: -180, south: -90, east: 180, north: 90)

    /// A tenth of a millimetre: keys are rounded.
    private static let slack = 1e-9

    func touches(_ other: GeoBox) -> Bool {
        west <= other.east + Self.slack && other.west <= east + Self.slack
            && south <= other.north + Self.slack && other.south <= north + Self.slack
    }
}

extension GeoArea {
    /// Boxes that hold every place of the area that is on the map.
    fileprivate var boundingBoxes: [GeoBox] {
        switch self {
        case .circle(let center, let metres): return Self.boxes(around: center, metres)
        case .box(let topLeft, let bottomRight):
            return Self.boxes(
                west: topLeft.longitude, south: bottomRight.latitude,
                east: bottomRight.longitude, north: topLeft.latitude)
        case .polygon(let exterior, _):
            let longitudes = exterior.map(\.longitude)
            let latitudes = exterior.map(\.latitude)
            guard let west = longitudes.min(), let east = longitudes.max(),
                let south = latitudes.min(), let north = latitudes.max()
            else { return [] }
            return [GeoBox(west: west, south: south, east: east, north: north)]
        }
    }

    /// A box that is west of itself crosses the antimeridian: two boxes.
    private static func boxes(
        west: Double, south: Double, east: Double, north: Double
    ) -> [GeoBox] {
        guard west > east else {
            return [GeoBox(west: west, south: south, east: east, north: north)]
        }
        return [
            GeoBox(west: west, south: south, east: 180, north: north),
            GeoBox(west: -180, south: south, east: east, north: north),
        ]
    }

    private static func boxes(around center: GeoPoint, _ metres: Double) -> [GeoBox] {
        guard abs(center.longitude) <= 180, abs(center.latitude) <= 90, metres.isFinite else {
            return [.map]
        }
        let degreesPerRadian = 180 / Double.pi
        // A little more than the circle: the distance is rounded too.
        let angle = max(0, metres) / GeoPoint.earthRadius * (1 + 1e-9) + 1e-12
        let south = center.latitude - angle * degreesPerRadian
        let north = center.latitude + angle * degreesPerRadian
        let cosine = cos(center.latitude / degreesPerRadian)
        guard south > -90, north < 90, sin(angle) < cosine else {
            return [GeoBox(west: -180, south: south, east: 180, north: north)]
        }
        let reach = asin(sin(angle) / cosine) * degreesPerRadian
        let (west, east) = (center.longitude - reach, center.longitude + reach)
        if west < -180 { return boxes(west: west + 360, south: south, east: east, north: north) }
        if east > 180 { return boxes(west: west, south: south, east: east - 360, north: north) }
        return [GeoBox(west: west, south: south, east: east, north: north)]
    }
}
