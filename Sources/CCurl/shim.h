// libcurl's header where it is installed, and nothing otherwise: a build without the trait needs none of it.
#if __has_include(<curl/curl.h>)
#include <curl/curl.h>

// libcurl takes and gives option values as variable arguments, which Swift can't pass: one form for each type.

static inline CURLcode afterthought_curl_set_number(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode afterthought_curl_set_size(CURL *handle, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode afterthought_curl_set_text(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode afterthought_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode afterthought_curl_set_headers(CURL *handle, struct curl_slist *value) {
    return curl_easy_setopt(handle, CURLOPT_HTTPHEADER, value);
}

static inline CURLcode afterthought_curl_set_sink(
    CURL *handle, CURLoption option, size_t (*value)(char *, size_t, size_t, void *)
) {
    return curl_easy_setopt(handle, option, value);
}

// The names came with 7.85, which deprecated the bits.
static inline CURLcode afterthought_curl_allow_only_http(CURL *handle) {
#if LIBCURL_VERSION_NUM >= 0x075500
    return curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    return curl_easy_setopt(handle, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static inline long afterthought_curl_status(CURL *handle) {
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    return status;
}
#endif
