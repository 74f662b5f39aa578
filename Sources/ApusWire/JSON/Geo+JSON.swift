package import ApusCore

extension GeoPoint {
    /// `{"lon": degrees, "lat": degrees}`.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var longitude: Double?
        var latitude: Double?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "lon": longitude = try reader.readDouble()
            case "lat": latitude = try reader.readDouble()
            default: try reader.skipValue()
            }
        }
        self.init(
            longitude: try reader.require(longitude, "lon", ofObjectAt: start),
            latitude: try reader.require(latitude, "lat", ofObjectAt: start))
        guard abs(self.longitude) <= 180, abs(self.latitude) <= 90 else {
            throw reader.malformed(
                "longitude \(self.longitude) and latitude \(self.latitude) must lie within "
                    + "±180 and ±90 degrees", at: start)
        }
    }
}

extension FieldPredicate {
    static func readGeoRadius(_ reader: inout JSONReader) throws(JSONError) -> FieldPredicate {
        let start = reader.position()
        var center: GeoPoint?
        var metres: Double?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "center": center = try GeoPoint(reading: &reader)
            case "radius": metres = try reader.readDouble()
            default: try reader.skipValue()
            }
        }
        return .geoRadius(
            center: try reader.require(center, "center", ofObjectAt: start),
            metres: try reader.require(metres, "radius", ofObjectAt: start))
    }

    static func readGeoBoundingBox(_ reader: inout JSONReader) throws(JSONError) -> FieldPredicate {
        let start = reader.position()
        var topLeft: GeoPoint?
        var bottomRight: GeoPoint?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "top_left": topLeft = try GeoPoint(reading: &reader)
            case "bottom_right": bottomRight = try GeoPoint(reading: &reader)
            default: try reader.skipValue()
            }
        }
        return .geoBoundingBox(
            topLeft: try reader.require(topLeft, "top_left", ofObjectAt: start),
            bottomRight: try reader.require(bottomRight, "bottom_right", ofObjectAt: start))
    }

    static func readGeoPolygon(_ reader: inout JSONReader) throws(JSONError) -> FieldPredicate {
        let start = reader.position()
        var exterior: [GeoPoint]?
        var interiors: [[GeoPoint]] = []
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "exterior": exterior = try readRing(&reader)
            case "interiors":
                interiors =
                    try reader.optional { (reader) throws(JSONError) in
                        try reader.array(of: readRing)
                    } ?? []
            default: try reader.skipValue()
            }
        }
        return .geoPolygon(
            exterior: try reader.require(exterior, "exterior", ofObjectAt: start),
            interiors: interiors)
    }

    /// `{"points": […]}`: a closed line of at least four points.
    private static func readRing(_ reader: inout JSONReader) throws(JSONError) -> [GeoPoint] {
        let start = reader.position()
        var read: [GeoPoint]?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if key == "points" {
                read = try reader.array(of: GeoPoint.init(reading:))
            } else {
                try reader.skipValue()
            }
        }
        let points = try reader.require(read, "points", ofObjectAt: start)
        guard points.count >= 4 else {
            throw reader.malformed(
                "a ring of \(points.count) points, expected at least 4", at: start)
        }
        guard points.first == points.last else {
            throw reader.malformed("a ring whose first and last points differ", at: start)
        }
        return points
    }
}
