#pragma once

#include "libquant/io/gguf.h"
#include "libquant/model/config.h"

namespace libquant {

/// The config of a GGUF file from its metadata, and from its tensors where metadata has no key
/// (biases, tied embeddings, rope_freqs.weight). Throws FormatError naming the key, NotSupported
/// for architectures that libquant does not compute.
ModelConfig config_from_gguf(const GgufFile& file);

/// Adds the architecture's keys, as llama.cpp's converter writes them. Rotary scaling of kind
/// llama3 has no keys (rope_freqs.weight holds it). Throws NotSupported for dynamic scaling, which
/// GGUF cannot express.
void config_to_gguf(const ModelConfig& config, GgufMetadata& metadata);

}  // namespace libquant
