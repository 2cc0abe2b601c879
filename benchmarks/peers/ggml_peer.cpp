// Matrix products of ggml, or of ik_llama.cpp's fork of it (-DPEER_IK), through their public
// interface, with libquant's probes in the same process. Prints one JSON object a line:  ggml_peer
// [SECONDS]

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "benchmarks/paired.h"
#include "ggml-alloc.h"
#include "ggml-backend.h"
#include "ggml.h"
#ifndef PEER_IK
#include "ggml-cpu.h"
#endif
#include "kernels/threads.h"

namespace {

using namespace libquant::benchmarks;

constexpr std::int64_t kSize = 4096;
constexpr std::size_t kColdBytes = std::size_t{512} << 20;

struct Case {
  ggml_type type;
  const char* name;
  const char* buffer;  // part of a buffer type's name; empty: the plain one
};

#ifdef PEER_IK
constexpr const char* kPeer = "ik_llama.cpp";
constexpr Case kCases[] = {{GGML_TYPE_Q4_0_R8, "q4_0_r8", ""},
                           {GGML_TYPE_Q4_K_R4, "q4_k_r4", ""},
                           {GGML_TYPE_Q8_0_R8, "q8_0_r8", ""},
                           {GGML_TYPE_Q3_K, "q3_K", ""},
                           {GGML_TYPE_Q2_K, "q2_K", ""}};
#else
constexpr const char* kPeer = "ggml";
constexpr Case kCases[] = {
    {GGML_TYPE_Q4_0, "q4_0", "CPU_REPACK"}, {GGML_TYPE_Q4_K, "q4_K", "CPU_REPACK"},
    {GGML_TYPE_Q8_0, "q8_0", ""},           {GGML_TYPE_Q2_K, "q2_K", "CPU_REPACK"},
    {GGML_TYPE_Q4_0, "q4_0", "AMX"},        {GGML_TYPE_Q8_0, "q8_0", "AMX"}};
#endif

ggml_backend_buffer_type_t buffer_type(ggml_backend_t backend, const char* name) {
  if (*name == '\0') return ggml_backend_get_default_buffer_type(backend);
#ifndef PEER_IK
  ggml_backend_dev_t device = ggml_backend_get_device(backend);
  auto* list =
      reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(ggml_backend_reg_get_proc_address(
          ggml_backend_dev_backend_reg(device), "ggml_backend_dev_get_extra_bufts"));
  for (auto* type = list == nullptr ? nullptr : list(device); type != nullptr && *type != nullptr;
       ++type)
    if (std::strstr(ggml_backend_buft_name(*type), name) != nullptr) return *type;
#endif
  return nullptr;
}

std::vector<char> quantized(const Case& c) {
  std::mt19937 rng(1);
  std::normal_distribution<float> normal(0, 0.02f);
  std::vector<float> values(static_cast<std::size_t>(kSize * kSize));
  for (float& value : values) value = normal(rng);
  std::vector<char> data(ggml_row_size(c.type, kSize) * kSize);
#ifdef PEER_IK
  ggml_quantize_chunk(c.type, values.data(), data.data(), 0, kSize, kSize, nullptr, nullptr);
#else
  ggml_quantize_chunk(c.type, values.data(), data.data(), 0, kSize, kSize, nullptr);
#endif
  return data;
}

ggml_context* context(std::size_t tensors) {
  return ggml_init({ggml_tensor_overhead() * (tensors + 8) + ggml_graph_overhead() * (tensors + 1),
                    nullptr, true});
}

struct Weights {
  ggml_context* tensors = nullptr;
  ggml_backend_buffer_t buffer = nullptr;
  std::vector<ggml_tensor*> copies;
  std::size_t bytes = 0;  // of one

  Weights(const Case& c, ggml_backend_buffer_type_t type) {
    const std::vector<char> data = quantized(c);
    bytes = data.size();
    tensors = context(kColdBytes / bytes);
    for (std::size_t i = 0; i < kColdBytes / bytes; ++i)
      copies.push_back(ggml_new_tensor_2d(tensors, c.type, kSize, kSize));
    buffer = ggml_backend_alloc_ctx_tensors_from_buft(tensors, type);
    for (std::size_t i = 0; buffer != nullptr && i < copies.size(); ++i)
      ggml_backend_tensor_set(copies[i], data.data(), 0, data.size());
  }
  Weights(const Weights&) = delete;
  Weights& operator=(const Weights&) = delete;
  ~Weights() {
    ggml_backend_buffer_free(buffer);
    ggml_free(tensors);
  }
};

void measure(const Case& c, const Weights& weights, ggml_backend_t backend, std::int64_t tokens,
             ColdMemory& memory, double seconds) {
  ggml_context* graphs = context(3 * weights.copies.size());
  std::vector<ggml_cgraph*> products;
  ggml_tensor* x = ggml_new_tensor_2d(graphs, GGML_TYPE_F32, kSize, tokens);
  std::vector<ggml_tensor*> results;
  for (ggml_tensor* w : weights.copies) results.push_back(ggml_mul_mat(graphs, w, x));
  ggml_backend_buffer_t buffer = ggml_backend_alloc_ctx_tensors_from_buft(
      graphs, ggml_backend_get_default_buffer_type(backend));
  for (ggml_tensor* y : results) {
    products.push_back(ggml_new_graph_custom(graphs, 8, false));
    ggml_build_forward_expand(products.back(), y);
  }
  std::vector<float> input(static_cast<std::size_t>(kSize * tokens));
  std::mt19937 rng(2);
  std::normal_distribution<float> normal;
  for (float& value : input) value = normal(rng);
  ggml_backend_tensor_set(x, input.data(), 0, input.size() * sizeof(float));

  std::size_t next = 0;
  const Work work{2.0 * kSize * kSize * static_cast<double>(tokens),
                  static_cast<double>(weights.bytes),
                  [&] { ggml_backend_graph_compute(backend, products[next++ % products.size()]); }};
  std::vector<ProbeRun> probes{
      read_run(*fastest_patterns(memory, 8 << 20, 1).front(), memory, 8 << 20)};
  for (const char* name : {"int8_avx512vnni", "int8_avxvnni", "maddubs_avx2"})
    if (const ComputeProbe* probe = find_compute_probe(name); probe != nullptr && probes.size() < 2)
      probes.push_back(compute_run(*probe, 0.5e-3, true));
  const PairedFigures figures = measure_paired(work, probes, {.seconds = seconds});
  std::printf(
      "{\"peer\": \"%s\", \"weights\": \"%s\", \"buffer\": \"%s\", \"tokens\": %lld, \"threads\": "
      "%d, "
      "\"bits_per_weight\": %.3f, \"gflops_best\": %.1f, \"gflops_median\": %.1f, \"gbps_median\": "
      "%.2f, "
      "\"read_fraction\": %.3f, \"int8_fraction\": %.3f, \"samples\": %zu}\n",
      kPeer, c.name, c.buffer, static_cast<long long>(tokens), libquant::kernels::thread_count(),
      8.0 * static_cast<double>(weights.bytes) / kSize / kSize,
      work.operations / figures.best_seconds * 1e-9,
      work.operations / figures.median_seconds * 1e-9, work.bytes / figures.median_seconds * 1e-9,
      figures.probes[0].fraction, figures.probes[1].fraction, figures.samples);
  std::fflush(stdout);
  ggml_backend_buffer_free(buffer);
  ggml_free(graphs);
}

std::string full_name(const Case& c) { return std::string(c.name) + ':' + c.buffer; }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    for (const Case& c : kCases) std::printf("%s\n", full_name(c).c_str());
    return 0;
  }
  ggml_backend_t backend = ggml_backend_cpu_init();
  ggml_backend_cpu_set_n_threads(backend, libquant::kernels::thread_count());
  ColdMemory memory(kColdBytes);
  for (const Case& c : kCases) {
    if (full_name(c) != argv[1]) continue;
    ggml_backend_buffer_type_t type = buffer_type(backend, c.buffer);
    if (type == nullptr) {
      std::fprintf(stderr, "%s: this build has no buffer type %s\n", kPeer, c.buffer);
      return 1;
    }
    const Weights weights(c, type);
    for (const std::int64_t tokens : {1, 2, 4, 8, 16, 32, 512})
      measure(c, weights, backend, tokens, memory, std::atof(argv[2]));
  }
  ggml_backend_free(backend);
  return 0;
}
