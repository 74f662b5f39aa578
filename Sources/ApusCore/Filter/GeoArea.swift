#if canImport(Darwin)
private import Darwin
#else
private import Glibc
#endif

/// An area on the earth. Points on its edge are outside.
package enum GeoArea: Sendable {
    case circle(center: GeoPoint, metres: Double)
    /// When the left edge's longitude is greater than the right one's, the box crosses the
    /// antimeridian.
    case box(topLeft: GeoPoint, bottomRight: GeoPoint)
    /// Rings whose last point is their first one. The area lies inside the exterior and outside
    /// all interiors, with straight edges in longitude and latitude.
    case polygon(exterior: [GeoPoint], interiors: [[GeoPoint]])

    package func contains(_ point: GeoPoint) -> Bool {
        switch self {
        case .circle(let center, let metres):
            center.distance(to: point) < metres
        case .box(let topLeft, let bottomRight):
            bottomRight.latitude < point.latitude && point.latitude < topLeft.latitude
                && (topLeft.longitude > bottomRight.longitude
                    ? point.longitude > topLeft.longitude || point.longitude < bottomRight.longitude
                    : topLeft.longitude < point.longitude
                        && point.longitude < bottomRight.longitude)
        case .polygon(let exterior, let interiors):
            Self.position(of: point, in: exterior) == .inside
                && interiors.allSatisfy { Self.position(of: point, in: $0) == .outside }
        }
    }

    private enum Position { case inside, outside, onEdge }

    /// Counts the edges that a ray from `point` towards the east crosses; an odd number is inside.
    private static func position(of point: GeoPoint, in ring: [GeoPoint]) -> Position {
        var isInside = false
        for (start, end) in zip(ring, ring.dropFirst()) {
            // Twice the area of the triangle; positive when the point is left of the edge.
            let side =
                (end.longitude - start.longitude) * (point.latitude - start.latitude)
                - (point.longitude - start.longitude) * (end.latitude - start.latitude)
            if side == 0, isBetween(point.longitude, start.longitude, end.longitude),
                isBetween(point.latitude, start.latitude, end.latitude)
            {
                return .onEdge
            }
            let crossesUpwards = start.latitude <= point.latitude && point.latitude < end.latitude
            let crossesDownwards = end.latitude <= point.latitude && point.latitude < start.latitude
            if (crossesUpwards && side > 0) || (crossesDownwards && side < 0) {
                isInside.toggle()
            }
        }
        return isInside ? .inside : .outside
    }

    private static func isBetween(_ value: Double, _ a: Double, _ b: Double) -> Bool {
        min(a, b) <= value && value <= max(a, b)
    }
}

extension GeoPoint {
    /// Of a sphere as large as the earth, in metres.
    package static let earthRadius = 6_371_008.8

    /// The great-circle distance in metres, by the haversine formula on a sphere of the earth's
    /// mean radius.
    package func distance(to other: GeoPoint) -> Double {
        let radiansPerDegree = Double.pi / 180
        let latitudeSine = sin((other.latitude - latitude) * radiansPerDegree / 2)
        let longitudeSine = sin((other.longitude - longitude) * radiansPerDegree / 2)
        let chord =
            latitudeSine * latitudeSine
            + cos(latitude * radiansPerDegree) * cos(other.latitude * radiansPerDegree)
            * longitudeSine * longitudeSine
        return 2 * Self.earthRadius * asin(min(1, chord.squareRoot()))
    }
}
