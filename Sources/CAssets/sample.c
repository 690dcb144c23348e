#include "sample.h"

static const unsigned char csv[] = {
#embed "sample/byu_chitchat_sample.csv"
};

afterthought_asset afterthought_sample_csv(void) {
    return (afterthought_asset){"byu_chitchat_sample.csv", csv, sizeof csv};
}
