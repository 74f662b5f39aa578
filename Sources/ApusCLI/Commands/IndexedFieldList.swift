import ApusBench
import ApusCore
import ArgumentParser

/// Payload fields with the types of their indexes: `year:integer,keyword:keyword`.
struct IndexedFieldList: ExpressibleByArgument {
    let fields: [PayloadValues.Field]

    init?(argument: String) {
        var fields: [PayloadValues.Field] = []
        for entry in argument.split(separator: ",") {
            let parts = entry.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, let path = PayloadPath(String(parts[0])),
                let type = PayloadFieldType(rawValue: String(parts[1])), type != .geo
            else { return nil }
            fields.append(PayloadValues.Field(path: path, schema: PayloadFieldSchema(type: type)))
        }
        if fields.isEmpty { return nil }
        self.fields = fields
    }
}
