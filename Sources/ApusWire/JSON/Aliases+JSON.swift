/// One step of a change of aliases; the steps of one request apply together.
package enum AliasAction: Hashable, Sendable {
    case create(alias: String, collection: String)
    case delete(alias: String)
    case rename(from: String, to: String)
}

extension AliasAction {
    /// `{"actions": [action, …]}`.
    package static func list(reading reader: inout JSONReader) throws(JSONError) -> [AliasAction] {
        let start = reader.position()
        var actions: [AliasAction]?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if key == "actions" {
                actions = try reader.array(of: AliasAction.init(reading:))
            } else {
                try reader.skipValue()
            }
        }
        return try reader.require(actions, "actions", ofObjectAt: start)
    }

    /// An object whose only key names the action; the value's members are all names.
    private init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var action: AliasAction?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            guard ["create_alias", "delete_alias", "rename_alias"].contains(key), action == nil
            else {
                throw reader.malformed(
                    "expected one of `create_alias`, `delete_alias`, `rename_alias`", at: start)
            }
            let inner = reader.position()
            let names = try reader.dictionary(of: String.init(reading:))
            func name(_ field: String) throws(JSONError) -> String {
                try reader.require(names[field], field, ofObjectAt: inner)
            }
            switch key {
            case "create_alias":
                action = .create(
                    alias: try name("alias_name"), collection: try name("collection_name"))
            case "delete_alias": action = .delete(alias: try name("alias_name"))
            default:
                action = .rename(
                    from: try name("old_alias_name"), to: try name("new_alias_name"))
            }
        }
        guard let action else { throw reader.malformed("missing action", at: start) }
        self = action
    }
}
