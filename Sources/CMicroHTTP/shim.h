// libmicrohttpd's header where it is installed, and nothing otherwise: a build without the trait needs none of it.
#if __has_include(<microhttpd.h>)
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdint.h>
#include <sys/socket.h>

// What the daemon is started with. Swift can't pass variable arguments, so the forms below do.
typedef struct {
    int socket;
    unsigned int connections_max;
    unsigned int connections_each_address_max;
    size_t connection_bytes_max;
    unsigned int idle_seconds_max;
    void *context;
    void *(*began)(void *context, const char *target, struct MHD_Connection *connection);
    MHD_AccessHandlerCallback handle;
    MHD_RequestCompletedCallback completed;
    MHD_NotifyConnectionCallback connected;
} afterthought_http_options;

// A path is taken apart before it is unescaped, so libmicrohttpd must leave it as it came.
static inline size_t afterthought_http_keep(void *context, struct MHD_Connection *connection, char *text) {
    (void)context;
    (void)connection;
    size_t count = 0;
    while (text[count] != 0) count += 1;
    return count;
}

static inline struct MHD_Daemon *afterthought_http_start(afterthought_http_options options) {
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, options.handle, options.context,
        MHD_OPTION_LISTEN_SOCKET, options.socket,
        MHD_OPTION_CONNECTION_LIMIT, options.connections_max,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, options.connections_each_address_max,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, options.connection_bytes_max,
        MHD_OPTION_CONNECTION_TIMEOUT, options.idle_seconds_max,
        MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_UNESCAPE_CALLBACK, afterthought_http_keep, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, options.began, options.context,
        MHD_OPTION_NOTIFY_COMPLETED, options.completed, options.context,
        MHD_OPTION_NOTIFY_CONNECTION, options.connected, options.context,
        MHD_OPTION_END);
}

// Versions of the header differ in what Swift makes of their enumerations: these names stay.

static inline enum MHD_Result afterthought_http_result(_Bool goes_on) { return goes_on ? MHD_YES : MHD_NO; }

static inline _Bool afterthought_http_is_yes(enum MHD_Result result) { return result == MHD_YES; }

static inline _Bool afterthought_http_is_start(enum MHD_ConnectionNotificationCode code) {
    return code == MHD_CONNECTION_NOTIFY_STARTED;
}

static inline void afterthought_http_headers(
    struct MHD_Connection *connection, MHD_KeyValueIteratorN collect, void *context
) {
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, collect, context);
}

// An answer with a copy of these bytes.
static inline struct MHD_Response *afterthought_http_response(const void *bytes, size_t count) {
    return MHD_create_response_from_buffer(count, (void *)bytes, MHD_RESPMEM_MUST_COPY);
}

// A connection's socket; -1 if it has none.
static inline int afterthought_http_socket(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info == NULL ? -1 : info->connect_fd;
}

// Writes the peer's address as digits; false if there is none.
static inline _Bool afterthought_http_address(struct MHD_Connection *connection, char *text, size_t count) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info == NULL || info->client_addr == NULL) return 0;
    const struct sockaddr *address = info->client_addr;
    if (address->sa_family == AF_INET)
        return inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text, (socklen_t)count) != NULL;
    if (address->sa_family == AF_INET6)
        return inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, text, (socklen_t)count) != NULL;
    return 0;
}
#endif
