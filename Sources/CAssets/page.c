#include "page.h"

static const unsigned char page_html[] = {
#embed "page/page.html"
};

static const unsigned char page_css[] = {
#embed "page/page.css"
};

static const unsigned char tools_js[] = {
#embed "page/tools.js"
};

static const unsigned char drawing_js[] = {
#embed "page/drawing.js"
};

static const unsigned char server_js[] = {
#embed "page/server.js"
};

static const unsigned char overview_js[] = {
#embed "page/overview.js"
};

static const unsigned char jobs_js[] = {
#embed "page/jobs.js"
};

static const unsigned char clusters_js[] = {
#embed "page/clusters.js"
};

static const unsigned char pair_js[] = {
#embed "page/pair.js"
};

static const unsigned char pair_drawings_js[] = {
#embed "page/pair-drawings.js"
};

static const unsigned char start_js[] = {
#embed "page/start.js"
};

static const afterthought_asset parts[] = {
    {"page.html", page_html, sizeof page_html},
    {"page.css", page_css, sizeof page_css},
    {"tools.js", tools_js, sizeof tools_js},
    {"drawing.js", drawing_js, sizeof drawing_js},
    {"server.js", server_js, sizeof server_js},
    {"overview.js", overview_js, sizeof overview_js},
    {"jobs.js", jobs_js, sizeof jobs_js},
    {"clusters.js", clusters_js, sizeof clusters_js},
    {"pair.js", pair_js, sizeof pair_js},
    {"pair-drawings.js", pair_drawings_js, sizeof pair_drawings_js},
    {"start.js", start_js, sizeof start_js},
};

size_t afterthought_page_part_count(void) { return sizeof parts / sizeof parts[0]; }

afterthought_asset afterthought_page_part_at(size_t index) { return parts[index]; }
