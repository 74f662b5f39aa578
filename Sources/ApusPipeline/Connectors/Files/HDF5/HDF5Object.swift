/// An object header: the messages that describe a group or a dataset (specification IV.A).
struct HDF5Object: Sendable {
    struct Message: Sendable {
        /// The kinds that are read; others are passed over.
        enum Kind: Int, Sendable {
            case dataspace = 0x01
            case linkInfo = 0x02
            case datatype = 0x03
            case link = 0x06
            case layout = 0x08
            case filters = 0x0b
            case attribute = 0x0c
            case symbolTable = 0x11
        }

        let kind: Kind
        /// It stands elsewhere, and `data` says where.
        let isShared: Bool
        let data: HDF5Block
    }

    /// Continuations of one header that are followed.
    private static let maximumContinuations = 256
    private static let continuation = 0x10

    private(set) var messages: [Message] = []

    init(in file: InputFile, at address: Int) throws(PipelineError) {
        let available = max(0, min(64, file.size - address))
        var head = try HDF5Block(in: file, at: address, count: available)
        if head.bytes.starts(with: "OHDR".utf8) {
            try readVersion2(&head, in: file)
        } else {
            try readVersion1(&head, in: file)
        }
    }

    /// The one message of a kind; nil when there is none.
    func message(_ kind: Message.Kind) throws(PipelineError) -> HDF5Block? {
        guard let message = messages.first(where: { $0.kind == kind }) else { return nil }
        guard !message.isShared else {
            throw message.data.unsupported(
                "types and shapes in the header of each dataset", "shared ones")
        }
        return message.data
    }

    private mutating func readVersion1(
        _ head: inout HDF5Block, in file: InputFile
    ) throws(PipelineError) {
        let version = try head.number(1)
        guard version == 1 else { throw head.fault("an object header", "version \(version)") }
        try head.skip(1 + 2 + 4)
        let size = try head.number(4)
        try head.skip(4)
        var blocks = [(start: head.place, count: size)]
        var read = 0
        while read < blocks.count {
            var block = try HDF5Block(in: file, at: blocks[read].start, count: blocks[read].count)
            read += 1
            while block.left >= 8 {
                let kind = try block.number(2)
                let count = try block.number(2)
                let flags = try block.number(1)
                try block.skip(3)
                let data = try block.take(count)
                try add(kind, flags, data, &blocks)
            }
        }
    }

    private mutating func readVersion2(
        _ head: inout HDF5Block, in file: InputFile
    ) throws(PipelineError) {
        try head.expect("OHDR")
        let version = try head.number(1)
        guard version == 2 else { throw head.fault("object header version 2", "\(version)") }
        let flags = try head.number(1)
        if flags & 0x20 != 0 { try head.skip(16) }
        if flags & 0x10 != 0 { try head.skip(4) }
        let size = flags & 3 == 3 ? try head.length() : try head.number(1 << (flags & 3))
        var blocks = [(start: head.place, count: size)]
        var read = 0
        while read < blocks.count {
            var block = try HDF5Block(in: file, at: blocks[read].start, count: blocks[read].count)
            if read > 0 {
                try block.expect("OCHK")
                block = try block.take(max(0, block.left - 4))
            }
            read += 1
            // With creation orders each message has two bytes more; less than a head is a gap.
            let headSize = flags & 0x04 == 0 ? 4 : 6
            while block.left >= headSize {
                let kind = try block.number(1)
                let count = try block.number(2)
                let messageFlags = try block.number(1)
                try block.skip(headSize - 4)
                let data = try block.take(count)
                try add(kind, messageFlags, data, &blocks)
            }
        }
    }

    private mutating func add(
        _ kind: Int, _ flags: Int, _ data: HDF5Block, _ blocks: inout [(start: Int, count: Int)]
    ) throws(PipelineError) {
        var data = data
        if kind == Self.continuation {
            guard blocks.count < Self.maximumContinuations else {
                throw data.fault("at most \(Self.maximumContinuations) continuations", "more")
            }
            guard let start = try data.address() else {
                throw data.fault("the address of a continuation", "none")
            }
            blocks.append((start, try data.length()))
        } else if let kind = Message.Kind(rawValue: kind) {
            messages.append(Message(kind: kind, isShared: flags & 0x02 != 0, data: data))
        }
    }
}
