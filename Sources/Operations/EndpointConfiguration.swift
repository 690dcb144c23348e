import Bytes

/// Where the HTTP endpoint listens, who may do what, and what it bears.
package struct EndpointConfiguration: Sendable {
    package static let portDefault = 9464
    /// The shortest key that will do: it can't be guessed at the rate that is let through.
    package static let keyBytesMin = 16

    /// A name or an address of this machine.
    package var host = "127.0.0.1"
    /// 0…65535; 0: any that is free.
    package var port = portDefault
    /// Nil: nothing can be changed and no user shown by HTTP.
    package var adminKey: Secret?
    package var limits = HTTPLimits()
    /// Requests that are answered side by side with connections of their own.
    package var threads = 3
    /// Requests that wait for one of those.
    package var waitingMax = 64
    /// Jobs that requests wait for at a time.
    package var jobsMax = 4
    /// How long a statement may take.
    package var statementSeconds = 5.0
    /// Pause between looks at how far the shards are, in seconds.
    package var sampleSeconds = 60.0
    /// Requests of one address, and of all together.
    package var requests = RateLimiter.Rate(perSecond: 50, atOnceMax: 200)
    package var requestsOfAll = RateLimiter.Rate(perSecond: 200, atOnceMax: 800)
    /// Those that need the key, with or without the right one.
    package var keyRequests = RateLimiter.Rate(perSecond: 10, atOnceMax: 40)
    package var keyRequestsOfAll = RateLimiter.Rate(perSecond: 20, atOnceMax: 80)

    package init() {}
}
