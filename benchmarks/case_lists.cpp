#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>

#include "benchmarks/case.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/gemm.h"
#include "kernels/threads.h"

namespace libquant::benchmarks {
namespace {

struct Shape {
  std::size_t outputs, inputs;
};

// Attention input (q, k and v as one), attention output, gate and up as one, down.
constexpr std::array kShapes{
    Shape{4096, 4096},  Shape{12288, 4096}, Shape{22016, 4096}, Shape{4096, 11008},  // Llama 2 7B
    Shape{6144, 4096},  Shape{28672, 4096}, Shape{4096, 14336},                      // Llama 3 8B
    Shape{15360, 5120}, Shape{5120, 5120},  Shape{27648, 5120}, Shape{5120, 13824},  // Llama 2 13B
    Shape{4608, 3584},  Shape{3584, 3584},  Shape{37888, 3584}, Shape{3584, 18944},  // Qwen2.5 7B
    Shape{24576, 4096}, Shape{4096, 12288},                                          // Qwen3 8B
    Shape{1152, 896},   Shape{896, 896},    Shape{9728, 896},   Shape{896, 4864},    // Qwen2.5 0.5B
    Shape{1024, 1024},  Shape{1024, 3072},  Shape{6144, 1024},                       // Qwen3 0.6B
    Shape{576, 576},    Shape{192, 576},    Shape{1536, 576},   Shape{576, 1536},    // SmolLM2 135M
    Shape{49152, 576},  Shape{2048, 2048},  Shape{8192, 2048},  Shape{2048, 8192}};  // and 1.7B

std::vector<int> thread_counts() {
  std::vector<int> counts{1};
  if (kernels::thread_count() > 1) counts.push_back(kernels::thread_count());
  return counts;
}

std::string gemm(std::string_view weights, std::string_view isa, std::size_t tokens,
                 const Shape& shape, int threads) {
  return "gemm/" + std::string(weights) + '/' + std::string(isa) + "/N:" + std::to_string(tokens) +
         "/M:" + std::to_string(shape.outputs) + "/K:" + std::to_string(shape.inputs) +
         "/T:" + std::to_string(threads);
}

// What the table of goals needs, on one square shape.
void append_goals(std::vector<std::string>& names) {
  constexpr Shape kSquare{4096, 4096};
  const std::string best = kernels::active_packed().name;
  for (const int threads : thread_counts()) {
    for (const char* weights : {"w4g128", "w4g64", "w4g32", "w8g128", "w3g128", "w2g128"})
      for (const char* mode : {"int8_residual", "int8"})
        names.push_back(gemm(weights, best, 1, kSquare, threads) + "/activations:" + mode);
    names.push_back(gemm("w4g128", "avx2", 1, kSquare, threads) + "/activations:int8");
  }
  const int threads = thread_counts().back();
  for (const std::size_t tokens : {1, 2, 4, 8, 16, 32, 128, 512})
    names.push_back(gemm("w4g128", best, tokens, kSquare, threads));
  for (const std::size_t tokens : {32, 512}) {
    for (const char* weights : {"w4g32", "w4g64"})
      names.push_back(gemm(weights, best, tokens, kSquare, threads));
    names.push_back(gemm("w8", best, tokens, kSquare, threads) + "/activations:int8/scale:token");
    names.push_back(gemm("w4g128", best, tokens, kSquare, threads) + "/activations:exact");
    names.push_back(gemm("w4g128", "avx2", tokens, kSquare, threads) + "/activations:int8");
  }
  // The engine's dense products: SmolLM2's layers over a window of calibration text.
  for (const Shape& shape : {Shape{576, 576}, Shape{1536, 576}, Shape{576, 1536}}) {
    names.push_back(gemm("f32", kernels::active().name, 2048, shape, threads));
    if (kernels::has_bf16()) names.push_back(gemm("bf16", best, 2048, shape, threads));
  }
}

constexpr std::array kWeights{"w4g128", "w4g64", "w4g32", "w4g32m", "w4g128z", "w4",
                              "w3g128", "w2g64", "w8g32", "w8g128", "w8"};
constexpr std::array<std::size_t, 10> kTokens{1, 2, 4, 8, 16, 32, 64, 128, 256, 512};

// Every instruction set of this machine but scalar, best first.
std::vector<std::string> vector_sets() {
  std::vector<std::string> names;
  for (const kernels::InstructionSet& set : kernels::compiled_sets())
    if (set.packed->supported() && set.dense->supported() && std::string_view(set.name) != "scalar")
      names.emplace_back(set.name);
  return names;
}

// A cut through the whole space in each of its directions.
void append_cuts(std::vector<std::string>& names) {
  constexpr Shape kSquare{4096, 4096};
  constexpr std::array<std::size_t, 4> kFew{1, 8, 32, 512};
  const std::string best = kernels::active_packed().name;
  const std::vector<int> counts = thread_counts();
  for (const char* weights : kWeights) {
    for (const std::size_t tokens : kTokens)
      names.push_back(gemm(weights, best, tokens, kSquare, counts.back()));
    for (const std::size_t tokens : {1, 32, 512})
      names.push_back(gemm(weights, best, tokens, kSquare, counts.back()) + "/activations:exact");
    if (counts.size() == 1) continue;
    for (const std::size_t tokens : kFew)
      names.push_back(gemm(weights, best, tokens, kSquare, counts.front()));
  }
  for (const std::string& isa : vector_sets())
    for (const char* weights : {"w4g128", "w4g32", "w8g128"})
      for (const std::size_t tokens : kFew)
        if (isa != best) names.push_back(gemm(weights, isa, tokens, kSquare, counts.back()));
  for (const Shape& shape : kShapes)
    for (const std::size_t tokens : kFew)
      names.push_back(gemm("w4g128", best, tokens, shape, counts.back()));
}

void append_all(std::vector<std::string>& names) {
  for (const int threads : thread_counts())
    for (const std::string& isa : vector_sets())
      for (const char* weights : kWeights)
        for (const char* mode : {"automatic", "int8", "int8_residual", "exact"})
          for (const std::size_t tokens : kTokens)
            for (const Shape& shape : kShapes)
              names.push_back(gemm(weights, isa, tokens, shape, threads) + "/activations:" + mode);
}

void append_dense(std::vector<std::string>& names) {
  constexpr std::array kSmall{Shape{576, 576}, Shape{192, 576}, Shape{1536, 576}, Shape{576, 1536},
                              Shape{49152, 576}};
  const std::string isa = kernels::active().name;
  for (const int threads : thread_counts()) {
    const std::string end = "/T:" + std::to_string(threads);
    for (const std::size_t tokens : {1, 2, 4, 8, 16, 32, 64, 128, 512, 2048})
      for (const Shape& shape : kSmall) names.push_back(gemm("f32", isa, tokens, shape, threads));
    for (const std::size_t tokens : {1, 32, 512}) {
      names.push_back(gemm("f32", isa, tokens, {4096, 4096}, threads));
      if (kernels::has_bf16())
        names.push_back(gemm("bf16", kernels::active_packed().name, tokens, {4096, 4096}, threads));
    }
    for (const char* size : {"/N:576/M:576/K:576", "/N:1536/M:1536/K:1536"})
      names.push_back("gemm_f64/f64/" + isa + size + end);
    for (const char* size : {"/N:2048/K:576", "/N:2048/K:1536", "/N:512/K:1536"})
      names.push_back("syrk/f32/" + isa + size + end);
    for (const char* size : {"/queries:2048/keys:2048/window:0", "/queries:512/keys:512/window:0",
                             "/queries:2048/keys:2048/window:512", "/queries:16/keys:2064/window:0",
                             "/queries:1/keys:2048/window:0", "/queries:1/keys:16384/window:0"})
      names.push_back("attention/f32/" + isa + size + "/heads:9/kv:3/head_dim:64" + end);
  }
}

}  // namespace

std::vector<std::string> names_of_set(std::string_view set) {
  std::vector<std::string> names;
  if (set == "quick") append_goals(names);
  if (set == "full") append_cuts(names);
  if (set == "all") append_all(names);
  if (set == "dense" || set == "full" || set == "all") append_dense(names);
  std::vector<std::string> once;  // shapes and cuts meet in places
  std::set<std::string> seen;
  for (std::string& name : names)
    if (seen.insert(name).second) once.push_back(std::move(name));
  if (once.empty())
    throw std::invalid_argument("no set of benchmarks is called '" + std::string(set) +
                                "'; there are quick, full, dense and all");
  return once;
}

}  // namespace libquant::benchmarks
