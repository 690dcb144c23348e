import Bytes

/// The heaviest topics of a pair and how they follow each other, as JSON for SQL readers.
///
/// `{"nodes":[{"topic","weight"}],"edges":[{"from","to","weight"}]}`; topics with equal labels are one node, and an
/// edge between them is none.
struct TransitionGraph {
    private(set) var nodes: [(label: String, weight: Double)] = []
    private(set) var edges: [(from: String, to: String, weight: Double)] = []

    /// Draws the graph from what the tracker knows.
    init(_ topics: TopicTracker) {
        var labels: [UInt32: String] = [:]
        for topic in topics.topics.sorted(by: { ($1.weight, $0.id) < ($0.weight, $1.id) }) {
            if let known = nodes.firstIndex(where: { $0.label == topic.label }) {
                nodes[known].weight += topic.weight
            } else if nodes.count < ContextSwitchEngine.graphNodesMax {
                nodes.append((topic.label, topic.weight))
            } else {
                continue
            }
            labels[topic.id] = topic.label
        }
        for transition in topics.transitions {
            guard let from = labels[transition.from], let to = labels[transition.to], from != to else { continue }
            if let known = edges.firstIndex(where: { $0.from == from && $0.to == to }) {
                edges[known].weight += transition.weight
            } else if edges.count < ContextSwitchEngine.graphEdgesMax {
                edges.append((from, to, transition.weight))
            }
        }
    }

    /// The graph as a JSON text.
    var json: String {
        var json = JSONWriter()
        json.beginObject()
        json.key("nodes")
        json.beginArray()
        for node in nodes {
            json.beginObject()
            json.key("topic")
            json.value(node.label)
            json.key("weight")
            json.value(node.weight, decimals: 4)
            json.endObject()
        }
        json.endArray()
        json.key("edges")
        json.beginArray()
        for edge in edges {
            json.beginObject()
            json.key("from")
            json.value(edge.from)
            json.key("to")
            json.value(edge.to)
            json.key("weight")
            json.value(edge.weight, decimals: 4)
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return json.text
    }
}
