#include "libquant/pipeline/fair_statistics.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>

#include "libquant/core/error.h"
#include "libquant/core/hash.h"
#include "libquant/io/atomic_file.h"
#include "libquant/io/safetensors.h"
#include "libquant/pipeline/fingerprint.h"
#include "libquant/pipeline/process_memory.h"
#include "libquant/pipeline/scratch_activations.h"

namespace libquant {
namespace {

namespace fs = std::filesystem;
constexpr const char* kIdentityFile = "identity.json";

std::vector<float> packed(const Hessian& moments) {
  const std::size_t n = moments.size();
  const auto lower = moments.lower();
  std::vector<float> values;
  values.reserve(n * (n + 1) / 2);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) values.push_back(static_cast<float>(lower[i * n + j]));
  return values;
}

std::size_t inputs_of(const ModelConfig& config, LinearRole role) {
  if (role == LinearRole::o) return config.heads * config.head_dim;
  return role == LinearRole::down ? config.intermediate_size : config.hidden_size;
}

// Of layers that share plain moments only the first is stored.
LinearRole stored_role(const SafetensorsFile& file, LinearRole role) {
  if (file.find(to_string(role)) != nullptr) return role;
  return role == LinearRole::up ? LinearRole::gate : LinearRole::q;
}

std::string content_hash(const SafetensorsFile& file) {
  Hasher hasher;
  for (const StoredTensor& tensor : file.tensors()) {
    hasher.update(fmt::format("{} {}\n", tensor.name, tensor.bytes.size()));
    hasher.update(tensor.bytes);
  }
  return hasher.hex();
}

}  // namespace

FairStatistics::FairStatistics(fs::path folder, const ModelConfig& config,
                               const FairPreparation& fair, bool owned)
    : folder_(std::move(folder)), config_(config), fair_(fair) {
  const fs::path identity = folder_ / kIdentityFile;
  if (!fs::exists(identity)) return;
  const std::string difference = fingerprint_difference(Json::parse_file(identity), fair.identity);
  require(difference.empty() || owned,
          "{} holds fairness statistics of another run: {}; name another folder", folder_.string(),
          difference);
  complete_ = difference.empty() && verify();
}

fs::path FairStatistics::file(std::size_t block) const {
  return folder_ / fmt::format("moments-{:04}.safetensors", block);
}

bool FairStatistics::verify() const {
  try {
    for (std::size_t block = 0; block < config_.layers; ++block) {
      const SafetensorsFile stored(file(block));
      const auto& metadata = stored.metadata();
      const auto identity = metadata.find("identity"), hash = metadata.find("hash");
      if (identity == metadata.end() || identity->second != fair_.hash || hash == metadata.end() ||
          hash->second != content_hash(stored))
        return false;
      stored.file().release(stored.file().bytes());
    }
    return true;
  } catch (const Error&) {
    return false;  // missing or damaged: computed again
  }
}

void FairStatistics::write(std::size_t block, const BlockMoments& moments) const {
  std::vector<std::pair<LinearRole, std::vector<float>>> parts;
  const Hessian* last = nullptr;
  for (const LinearRole role : kLinearRoles) {
    const Hessian& own = moments.of(role);
    if (&own != last) parts.emplace_back(role, packed(own));
    last = &own;
  }
  std::vector<SafetensorsWriter::Entry> entries;
  Hasher hasher;
  for (const auto& [role, values] : parts) {
    const auto bytes = std::as_bytes(std::span(values));
    entries.push_back({std::string(to_string(role)), DType::f32, {values.size()}});
    hasher.update(fmt::format("{} {}\n", to_string(role), bytes.size()));
    hasher.update(bytes);
  }
  SafetensorsWriter writer(file(block), entries,
                           {{"identity", fair_.hash}, {"hash", hasher.hex()}});
  for (const auto& [role, values] : parts) writer.append(std::as_bytes(std::span(values)));
  writer.commit();
}

double FairStatistics::compute(const ProgressCallback& progress) {
  const auto begin = std::chrono::steady_clock::now();
  std::error_code error;
  fs::create_directories(folder_, error);
  require<Error>(!error, "cannot create {}: {}", folder_.string(), error.message());
  fs::remove(folder_ / kIdentityFile);
  const std::size_t states = (config_.layers + 1) * fair_.moments->rows();
  const ScratchActivations room(folder_, states, config_.hidden_size);
  fair_.moments->run(
      room.view(config_.hidden_size),
      [&](std::size_t block, const BlockMoments& moments) {
        write(block, moments);
        return_free_memory();
      },
      progress);
  write_file_atomic(folder_ / kIdentityFile, fair_.identity.dump(2) + "\n");
  complete_ = true;
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::vector<double> FairStatistics::load(std::size_t block, LinearRole role) const {
  const SafetensorsFile stored(file(block));
  const StoredTensor* tensor = stored.find(to_string(stored_role(stored, role)));
  const std::size_t n = inputs_of(config_, role), count = n * (n + 1) / 2;
  require<FormatError>(tensor != nullptr && tensor->dtype == DType::f32 &&
                           tensor->bytes.size() == count * sizeof(float),
                       "{}: the moments of {} are missing or have the wrong size",
                       file(block).string(), to_string(role));
  std::vector<float> values(count);
  std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
  stored.file().release(stored.file().bytes());
  std::vector<double> lower(n * n);
  const float* next = values.data();
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) lower[i * n + j] = double{*next++};
  return lower;
}

}  // namespace libquant
