#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// How many files and connections this process may have open.
enum FileDescriptorLimit {
    /// Raises the limit as far as the system allows and returns what it is then.
    ///
    /// Shells start programs with 1,024, which connections alone can use up; a listening socket
    /// that cannot accept for want of descriptors ends its server.
    static func raise() -> Int {
        #if canImport(Glibc)
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
        let resource = RLIMIT_NOFILE
        #endif
        var limit = rlimit()
        guard unsafe getrlimit(resource, &limit) == 0 else { return 1024 }
        let before = limit.rlim_cur
        // More than any use of ours, and below what some systems refuse.
        limit.rlim_cur = min(limit.rlim_max, 1 << 20)
        if unsafe setrlimit(resource, &limit) != 0 { limit.rlim_cur = before }
        return Int(clamping: limit.rlim_cur)
    }
}
