public import ApusCore

/// What to do with points of attached segments that the collection has already.
public enum ExistingPoints: String, Hashable, Sendable, CaseIterable {
    /// The attached ones are newer: they take the place of those that are there.
    case replace
    /// Refuse to attach anything.
    case fail
}

/// What `Collection.attach` did.
public struct AttachReport: Hashable, Sendable {
    /// The builds that were attached, in the order in which they were given, by id.
    public var attached: [String] = []
    /// Builds that the collection had already, or that were given twice; nothing was done for them.
    public var skipped: [String] = []
    public var segments = 0
    /// Points that the collection has from them.
    public var points = 0
    /// Points that were there before, which those took the place of.
    public var replaced = 0
    /// Points that a build given later had too.
    public var duplicates = 0
    /// The batch that the attached points are of; that of the last batch when nothing was attached.
    public var sequenceNumber = SequenceNumber.zero

    public init() {}
}
