#pragma once

#include "libquant/model/family.h"

namespace libquant {

extern const Family kLlamaFamily;
extern const Family kMistralFamily;
extern const Family kQwen2Family;
extern const Family kQwen3Family;

}  // namespace libquant
