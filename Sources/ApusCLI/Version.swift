private import ApusServer

/// What `apus --version` prints.
enum Version {
    static var text: String { ServerVersion.current.apus }
}
