import Bytes
import Model

/// A pair's recurring topics and the running one.
package struct TopicTracker: Sendable {
    package init() {}
}
