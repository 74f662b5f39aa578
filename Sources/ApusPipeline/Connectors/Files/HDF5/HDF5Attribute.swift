/// Attributes that are texts (specification IV.A.2.m).
enum HDF5Attribute {
    /// The text of the attribute when it has that name and is a text; nil otherwise.
    static func text(
        of message: HDF5Object.Message, named name: String, in file: InputFile
    ) throws(PipelineError) -> String? {
        guard !message.isShared else { return nil }
        var data = message.data
        let version = try data.number(1)
        guard (1...3).contains(version) else {
            throw data.fault("attribute version 1, 2 or 3", "\(version)")
        }
        let flags = try data.number(1)
        let sizes = (try data.number(2), try data.number(2), try data.number(2))
        if version == 3 { try data.skip(1) }
        // Version 1 pads each part to eight bytes.
        func padded(_ size: Int) -> Int { version == 1 ? (size + 7) / 8 * 8 : size }
        guard try data.take(padded(sizes.0)).text() == name else { return nil }
        var type = try data.take(padded(sizes.1))
        try data.skip(padded(sizes.2))
        // Types and shapes that stand elsewhere.
        guard version == 1 || flags & 3 == 0 else { return nil }
        let kind = try type.number(1) & 0x0f
        let bits = try type.number(1)
        try type.skip(2)
        let size = try type.number(4)
        switch kind {
        case 3: return try data.take(size).text()
        case 9 where bits & 0x0f == 1: return try heapText(&data, in: file)
        default: return nil
        }
    }

    /// A text of any length: its length, a collection of the global heap, and its number there.
    private static func heapText(
        _ data: inout HDF5Block, in file: InputFile
    ) throws(PipelineError) -> String {
        let length = try data.number(4)
        guard length > 0, let address = try data.address() else { return "" }
        let number = try data.number(4)
        var head = try HDF5Block(in: file, at: address, count: 16)
        try head.expect("GCOL")
        try head.skip(4)
        let size = try head.length()
        var heap = try HDF5Block(in: file, at: address + 16, count: max(0, size - 16))
        // Each object: number, references, reserved, length, and the bytes padded to eight.
        while heap.left >= 16 {
            let found = try heap.number(2)
            try heap.skip(2 + 4)
            let count = try heap.length()
            // Number 0 is the free space at the end.
            if found == 0 { break }
            if found == number {
                return try heap.take(min(count, length)).text()
            }
            let (padded, overflow) = count.addingReportingOverflow(7)
            try heap.skip(overflow ? .max : padded / 8 * 8)
        }
        throw heap.fault("text \(number) in the global heap", "none")
    }
}
